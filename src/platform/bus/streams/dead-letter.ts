import type { DeadOrigin, StreamEntry, StreamMessage } from '../event-streams.ts';

/** An entry that was given up, as the stream of dead letters holds it: JSON, with the body as text where it is text. */
export function deadLetterOf(entry: StreamEntry, origin: DeadOrigin, nowMs: number): StreamMessage {
  const body = Buffer.from(entry.body.buffer, entry.body.byteOffset, entry.body.byteLength);
  const text = body.toString('utf8');
  return {
    body: JSON.stringify({
      ...origin,
      entry_id: entry.id,
      attempts: entry.attempt,
      failed_at: new Date(nowMs).toISOString(),
      headers: entry.headers,
      ...(Buffer.from(text, 'utf8').equals(body) ? { body: text } : { body_base64: body.toString('base64') }),
    }),
    headers: {
      'content-type': 'application/json',
      ...(entry.headers['correlation_id'] === undefined
        ? {}
        : { correlation_id: entry.headers['correlation_id'] }),
    },
  };
}

/** Where a stream's entries go that are given up, unless its reader says otherwise. */
export function deadLettersOf(stream: string, deadLetters: string | undefined): string {
  return deadLetters ?? `${stream}:dead`;
}
