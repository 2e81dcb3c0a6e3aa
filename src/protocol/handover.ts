/** First line of the note with which a member of a team passes control of a conversation on. */
export function handoverLine(from: string, to: string): string {
  return `[${from} hands the conversation over to ${to}]`;
}

/** Who has passed control on to whom in a note; `undefined` for any other text. */
export function readHandover(text: string): { readonly from: string; readonly to: string } | undefined {
  const [, from, to] = /^\[(\S+) hands the conversation over to (\S+)\]/.exec(text) ?? [];
  return from === undefined || to === undefined ? undefined : { from, to };
}
