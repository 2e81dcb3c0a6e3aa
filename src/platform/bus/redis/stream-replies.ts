import type { RedisBytesReply } from '../../redis/index.ts';
import { unwrapEntry, type Unwrapped } from './faststream-envelope.ts';

/** An entry as Redis tells it; without `fields`: it was deleted, and only its id is left. */
export interface RawEntry {
  readonly id: string;
  readonly fields: ReadonlyMap<string, Uint8Array> | undefined;
}

const text = (value: RedisBytesReply | undefined): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value ?? '');

const list = (value: RedisBytesReply | undefined): readonly RedisBytesReply[] =>
  Array.isArray(value) ? (value as readonly RedisBytesReply[]) : [];

/** Entries of the one stream that XREADGROUP was asked for. */
export function entriesOf(reply: RedisBytesReply): readonly RawEntry[] {
  // [name, entries] of the map of protocol 3, [[name, entries]] before.
  const flat = list(reply);
  const entries = flat.length === 2 && !Array.isArray(flat[0]) ? flat[1] : list(flat[0])[1];
  return list(entries).map((entry) => {
    const [id, pairs] = list(entry);
    return { id: text(id), fields: Array.isArray(pairs) ? fieldsOf(list(pairs)) : undefined };
  });
}

/** Body and headers of an entry. */
export function dataOf(fields: ReadonlyMap<string, Uint8Array>): Unwrapped {
  return unwrapEntry(fields);
}

function fieldsOf(pairs: readonly RedisBytesReply[]): ReadonlyMap<string, Uint8Array> {
  const fields = new Map<string, Uint8Array>();
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const value = pairs[index + 1];
    if (value instanceof Uint8Array) fields.set(text(pairs[index]), value);
  }
  return fields;
}
