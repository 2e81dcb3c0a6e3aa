/** Names one chunk of one response, the same whenever it is sent. */
export function chunkKey(outboxId: string, cursor: number): string {
  return `${outboxId}:${cursor}`;
}

/** What a key of `chunkKey` names; `undefined` for other texts. */
export function readChunkKey(
  key: string,
): { readonly outboxId: string; readonly cursor: number } | undefined {
  const [, outboxId, cursor] = /^([a-z]+_[0-9a-z]{1,60}):(\d{1,6})$/.exec(key) ?? [];
  return outboxId === undefined ? undefined : { outboxId, cursor: Number(cursor) };
}
