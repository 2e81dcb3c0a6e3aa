const allowed = /^<(\/?)(b|strong|i|em|u|s|del|code|pre|blockquote|a)(?:\s+(?:href|class)="[^"<>]*")?>$/;

/**
 * The text that Telegram would show for a message in HTML mode, or the fault it would refuse it for: an unknown tag, one
 * that is not closed in order, a bare `<` or `&`.
 */
export function readTelegramHtml(html: string): { text: string } | { fault: string } {
  const open: string[] = [];
  let text = '';
  for (const [token] of html.matchAll(/<[^>]*>?|&[^;\s<]*;?|[^<&]+/g)) {
    if (token.startsWith('&')) {
      const character = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"' }[token];
      if (character === undefined) return { fault: `unknown entity ${token}` };
      text += character;
    } else if (token.startsWith('<')) {
      const tag = allowed.exec(token);
      if (tag === null) return { fault: `unsupported start tag ${token}` };
      const [, slash, name] = tag;
      if (slash === '') open.push(name ?? '');
      else if (open.pop() !== name) return { fault: `unexpected end tag ${token}` };
    } else text += token;
  }
  return open.length > 0
    ? { fault: `can't find end tag corresponding to start tag ${open.at(-1)}` }
    : { text };
}
