import type { Json } from './json.ts';

const invisible = /(?!\n)[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}

/**
 * JSON for people who decide by it: indented, and what cannot be seen or changes the direction of the text shown as
 * `\uXXXX`. It still parses to the same value.
 */
export function visibleJson(value: Json): string {
  return JSON.stringify(value, null, 2).replaceAll(invisible, escaped);
}

/** A text of one line without what cannot be seen, of at most `limit` characters. */
export function visibleLine(text: string, limit: number): string {
  const line = text.replaceAll(/[\s\p{C}]+/gu, ' ').trim();
  const characters = Array.from(line);
  return characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : line;
}
