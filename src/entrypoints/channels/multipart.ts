import { randomUUID } from 'node:crypto';

/** A file in a form. */
export interface FormFile {
  readonly field: string;
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
}

/** A form with files as the body of a call. */
export function multipartForm(
  fields: Readonly<Record<string, string>>,
  file: FormFile,
): { readonly contentType: string; readonly body: Uint8Array } {
  const boundary = `agent33-${randomUUID()}`;
  const begin = (disposition: string, type?: string): string =>
    `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n${type === undefined ? '' : `content-type: ${type}\r\n`}\r\n`;
  const parts: Uint8Array[] = Object.entries(fields).map(([name, value]) =>
    Buffer.from(`${begin(`name=${quoted(name)}`)}${value}\r\n`),
  );
  parts.push(
    Buffer.from(
      begin(`name=${quoted(file.field)}; filename=${quoted(file.name)}`, headerSafe(file.mimeType)),
    ),
    file.bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  );
  return { contentType: `multipart/form-data; boundary=${boundary}`, body: Buffer.concat(parts) };
}

/** As browsers write names into forms. */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '%22').replaceAll(/[\r\n]/g, ' ')}"`;
}

function headerSafe(text: string): string {
  return /^[\w.+-]+\/[\w.+-]+$/.test(text) ? text : 'application/octet-stream';
}
