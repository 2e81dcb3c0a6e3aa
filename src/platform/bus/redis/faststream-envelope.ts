import { isJsonObject, tryParseJson } from '../../../base/index.ts';
import type { StreamMessage } from '../event-streams.ts';

/** Body and headers of an entry, whichever way they were written. */
export interface Unwrapped {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** The one field of an entry that FastStream writes. */
export const dataField = '__data__';

const identity = Buffer.from([0x89, 0x42, 0x49, 0x4e, 0x0d, 0x0a, 0x1a, 0x0a]);
const offsets = { version: 8, headersStart: 10, dataStart: 14, shortest: 18 } as const;
const mostHeaders = 1000;

/** The JSON envelope: readable in redis-cli, and by every version of FastStream. */
export function wrapMessage({ body, headers }: StreamMessage): string {
  return JSON.stringify({ data: body, headers: { 'content-type': 'application/json', ...headers } });
}

/**
 * Reads FastStream's binary format, its JSON envelope, or bytes that stand for themselves; an entry without its field is
 * the JSON of all fields. Never throws: what is no envelope is a body.
 */
export function unwrapEntry(fields: ReadonlyMap<string, Uint8Array>): Unwrapped {
  const data = fields.get(dataField);
  if (data === undefined || data.byteLength === 0) return { body: fieldsAsJson(fields), headers: {} };
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return readBinary(bytes) ?? readJson(bytes) ?? { body: bytes, headers: {} };
}

function readBinary(bytes: Buffer): Unwrapped | undefined {
  if (bytes.length < offsets.shortest || !bytes.subarray(0, identity.length).equals(identity))
    return undefined;
  if (bytes.readUInt16BE(offsets.version) !== 1) return undefined;
  const dataStart = bytes.readUInt32BE(offsets.dataStart);
  if (dataStart > bytes.length) return undefined;
  const headers = readHeaders(bytes.subarray(0, dataStart), bytes.readUInt32BE(offsets.headersStart));
  return { body: bytes.subarray(dataStart), headers };
}

/**
 * Python counts the characters of a header and not its bytes, so one beyond ASCII makes those behind it unreadable: what
 * was read so far counts, and the body stands at a place of its own.
 */
function readHeaders(bytes: Buffer, start: number): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  if (start + 2 > bytes.length) return headers;
  let at = start + 2;
  const text = (): string | undefined => {
    if (at + 2 > bytes.length) return undefined;
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return undefined;
    const read = bytes.toString('utf8', at + 2, end);
    at = end;
    return read;
  };
  const count = Math.min(bytes.readUInt16BE(start), mostHeaders);
  for (let index = 0; index < count; index += 1) {
    const key = text();
    const value = text();
    if (key === undefined || value === undefined) break;
    setHeader(headers, key, value);
  }
  return headers;
}

function readJson(bytes: Buffer): Unwrapped | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  const parsed = tryParseJson(bytes.toString('utf8'));
  if (!isJsonObject(parsed) || typeof parsed['data'] !== 'string') return undefined;
  const headers: Record<string, string> = {};
  const given = parsed['headers'];
  if (isJsonObject(given)) {
    for (const [key, value] of Object.entries(given)) {
      if (value !== null && value !== undefined)
        setHeader(headers, key, typeof value === 'string' ? value : JSON.stringify(value));
    }
  }
  return { body: Buffer.from(parsed['data'], 'utf8'), headers };
}

function fieldsAsJson(fields: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const texts = [...fields].map(([name, value]) => [name, Buffer.from(value).toString('utf8')] as const);
  return Buffer.from(JSON.stringify(Object.fromEntries(texts)), 'utf8');
}

function setHeader(headers: Record<string, string>, key: string, value: string): void {
  Object.defineProperty(headers, key, { value, enumerable: true, configurable: true, writable: true });
}
