/** Does one of the patterns cover the name? `*` stands for any part, such as `openai/*`. */
export function isModelAllowed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    if (!pattern.includes('*')) return pattern === name;
    const [head = '', ...rest] = pattern.split('*');
    if (!name.startsWith(head)) return false;
    let from = head.length;
    for (const [place, part] of rest.entries()) {
      if (place === rest.length - 1) return name.length - part.length >= from && name.endsWith(part);
      const found = name.indexOf(part, from);
      if (found === -1) return false;
      from = found + part.length;
    }
    return true;
  });
}
