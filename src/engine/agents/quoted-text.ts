/** Control characters and those that hide or turn text: with them a text can look like another one. */
const invisible = /[\p{Cc}\p{Cf}]/gu;

/**
 * Text of a model as it is shown to a person or another model: every line marked as a quotation, without characters
 * that hide or turn text, so that it cannot pass for words of the platform.
 */
export function quotedText(text: string): string {
  return text
    .replaceAll(/\r\n|[\r\u0085\p{Zl}\p{Zp}]/gu, '\n')
    .replaceAll(invisible, (character) => (character === '\n' || character === '\t' ? character : ''))
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n');
}
