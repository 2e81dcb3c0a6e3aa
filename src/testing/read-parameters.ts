import type { IncomingMessage } from 'node:http';
import { readMultipart } from './read-multipart.ts';

type Parameters = Readonly<Record<string, unknown>>;

/** The whole body of a request. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Parameters of a call: JSON, a form, or a form with a file, which is under `file`. */
export function parametersOf(request: IncomingMessage, body: Buffer): Parameters {
  const contentType = request.headers['content-type'] ?? '';
  if (contentType.startsWith('multipart/form-data')) {
    const { fields, files } = readMultipart(contentType, body);
    return { ...fields, file: files[0] };
  }
  const text = body.toString('utf8');
  if (contentType.startsWith('application/x-www-form-urlencoded'))
    return Object.fromEntries(new URLSearchParams(text));
  return text === '' ? {} : (JSON.parse(text) as Parameters);
}
