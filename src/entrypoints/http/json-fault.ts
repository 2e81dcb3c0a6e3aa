const space = /[ \t\n\r]*/y;
const scalar =
  /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy;

/** What may come next. `first`: an empty list or object may end here. */
type Expected = 'value' | 'key' | 'colon' | 'separator';

/**
 * Where a text that is no JSON stops being one; `JSON.parse` does not always tell. Offset of the token at fault, or the
 * length of the text when it ends too early.
 */
export function jsonFaultOffset(text: string): number {
  const open: string[] = [];
  let expected: Expected = 'value';
  let first = false;
  let at = 0;
  const scan = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  for (;;) {
    at += scan(space)?.length ?? 0;
    const character = text.charAt(at);
    const within = open.at(-1);
    const closes = within !== undefined && character === (within === '{' ? '}' : ']');
    if (closes && (expected === 'separator' || first)) {
      open.pop();
      expected = 'separator';
      at += 1;
    } else if (expected === 'separator') {
      if (within === undefined || character !== ',') return at;
      expected = within === '{' ? 'key' : 'value';
      at += 1;
    } else if (expected === 'colon') {
      if (character !== ':') return at;
      expected = 'value';
      at += 1;
    } else if (expected === 'value' && (character === '{' || character === '[')) {
      open.push(character);
      expected = character === '{' ? 'key' : 'value';
      first = true;
      at += 1;
      continue;
    } else {
      const token = scan(scalar);
      if (token === undefined || (expected === 'key' && !token.startsWith('"'))) return at;
      expected = expected === 'key' ? 'colon' : 'separator';
      at += token.length;
    }
    first = false;
  }
}
