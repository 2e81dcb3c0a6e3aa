/** The three ways in which a program that uses FastStream may write an entry. */
export type Encoding = 'binary' | 'json' | 'raw' | 'fields';

export const encodings: readonly Encoding[] = ['binary', 'json', 'raw', 'fields'];

/** Fields of an entry as such a program writes them: FastStream's binary format, its JSON envelope, or none. */
export function entryFields(
  encoding: Encoding,
  event: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): (string | Buffer)[] {
  const body = JSON.stringify(event);
  if (encoding === 'binary') return ['__data__', binary(body, headers)];
  if (encoding === 'json') return ['__data__', JSON.stringify({ data: body, headers })];
  if (encoding === 'raw') return ['__data__', body];
  return Object.entries(event).flatMap(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
}

function binary(body: string, headers: Readonly<Record<string, string>>): Buffer {
  const short = (value: number): Buffer => {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(value);
    return bytes;
  };
  const int = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  // Python counts characters.
  const text = (value: string): Buffer =>
    Buffer.concat([short(Array.from(value).length), Buffer.from(value)]);
  const pairs = Buffer.concat(Object.entries(headers).flatMap(([key, value]) => [text(key), text(value)]));
  const identity = Buffer.from([0x89, 0x42, 0x49, 0x4e, 0x0d, 0x0a, 0x1a, 0x0a]);
  const headersStart = identity.length + 2 + 8;
  return Buffer.concat([
    identity,
    short(1),
    int(headersStart),
    int(headersStart + 2 + pairs.length),
    short(Object.keys(headers).length),
    pairs,
    Buffer.from(body),
  ]);
}
