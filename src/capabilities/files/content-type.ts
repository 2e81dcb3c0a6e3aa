import { TextDecoder } from 'node:util';

/** First bytes of the kinds that matter; `at` is where they begin. */
const signatures: readonly { readonly type: string; readonly bytes: string; readonly at?: number }[] = [
  { type: 'image/png', bytes: '\x89PNG\r\n\x1a\n' },
  { type: 'image/jpeg', bytes: '\xff\xd8\xff' },
  { type: 'image/gif', bytes: 'GIF87a' },
  { type: 'image/gif', bytes: 'GIF89a' },
  { type: 'image/webp', bytes: 'WEBP', at: 8 },
  { type: 'image/heic', bytes: 'ftypheic', at: 4 },
  { type: 'image/heic', bytes: 'ftypmif1', at: 4 },
  { type: 'image/avif', bytes: 'ftypavif', at: 4 },
  { type: 'image/tiff', bytes: 'II*\0' },
  { type: 'image/tiff', bytes: 'MM\0*' },
  { type: 'application/pdf', bytes: '%PDF-' },
  { type: 'audio/ogg', bytes: 'OggS' },
  { type: 'audio/wav', bytes: 'WAVE', at: 8 },
  { type: 'audio/mpeg', bytes: 'ID3' },
  { type: 'audio/mpeg', bytes: '\xff\xfb' },
  { type: 'audio/flac', bytes: 'fLaC' },
  { type: 'audio/mp4', bytes: 'ftypM4A', at: 4 },
  { type: 'video/mp4', bytes: 'ftyp', at: 4 },
  { type: 'video/webm', bytes: '\x1aE\xdf\xa3' },
  { type: 'application/zip', bytes: 'PK\x03\x04' },
  { type: 'application/gzip', bytes: '\x1f\x8b' },
];
const textTypes: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  htm: 'text/html',
  html: 'text/html',
  json: 'application/json',
  md: 'text/markdown',
  svg: 'image/svg+xml',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
};
/** Formats that are archives inside: their own name says more than `application/zip`. */
const inZip = /^application\/(?:vnd\.[a-z0-9.+-]+|epub\+zip)$/;
const unknown = 'application/octet-stream';

const extensionOf = (name: string): string => /\.([A-Za-z0-9]{1,10})$/.exec(name)?.[1]?.toLowerCase() ?? '';

/** True for UTF-8 without the control characters that no text has. */
function isText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // eslint-disable-next-line no-control-regex -- these are what makes it no text
    return !/[\u0000-\u0008\u000E-\u001A\u001C-\u001F]/.test(text);
  } catch {
    return false;
  }
}

/**
 * What a file is, by its content. Name and `said` type only tell texts apart from each other and archives from each other:
 * a page that says it is a picture is a text.
 */
export function contentTypeOf(
  bytes: Uint8Array,
  { name, said = '' }: { name: string; said?: string },
): string {
  const head = Buffer.from(bytes.subarray(0, 32)).toString('latin1');
  const known = signatures.find(({ bytes: wanted, at = 0 }) => head.startsWith(wanted, at))?.type;
  const declared = said.split(';')[0]?.trim().toLowerCase() ?? '';
  if (known === 'application/zip' && inZip.test(declared)) return declared;
  if (known === 'video/mp4' && declared.startsWith('audio/')) return 'audio/mp4';
  if (known !== undefined) return known;
  if (bytes.length === 0 || !isText(bytes)) return unknown;
  const byName = textTypes[extensionOf(name)];
  if (byName !== undefined) return byName === 'image/svg+xml' ? 'text/xml' : byName;
  return /^text\/[a-z0-9.+-]+$/.test(declared) || declared === 'application/json' ? declared : 'text/plain';
}

/** True for what can be quoted as text. */
export function isTextType(mimeType: string): boolean {
  return /^text\/|^application\/(?:json|xml|yaml)$/.test(mimeType);
}

/** Pictures that models take. */
export const modelImageTypes: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
]);

/** True for what an agent can be shown: pictures, PDF and text. */
export function isReadable(mimeType: string): boolean {
  return modelImageTypes.has(mimeType) || mimeType === 'application/pdf' || isTextType(mimeType);
}
