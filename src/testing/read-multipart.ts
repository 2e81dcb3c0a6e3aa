/** A file in a form. */
export interface FormFileSent {
  readonly field: string;
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Buffer;
}

/** The fields and files of a form; throws where it is none. */
export function readMultipart(
  contentType: string,
  body: Buffer,
): { readonly fields: Readonly<Record<string, string>>; readonly files: readonly FormFileSent[] } {
  const boundary = /boundary=([^;]+)/.exec(contentType)?.[1];
  if (boundary === undefined) throw new Error('a form without boundary');
  const fields: Record<string, string> = {};
  const files: FormFileSent[] = [];
  const mark = Buffer.from(`--${boundary}`);
  let at = body.indexOf(mark);
  for (;;) {
    const next = body.indexOf(mark, at + mark.length);
    if (at === -1 || next === -1) break;
    const part = body.subarray(at + mark.length + 2, next - 2);
    const split = part.indexOf('\r\n\r\n');
    const head = part.subarray(0, split).toString('utf8');
    const content = part.subarray(split + 4);
    const field = /\bname="([^"]*)"/.exec(head)?.[1] ?? '';
    const name = /\bfilename="([^"]*)"/.exec(head)?.[1];
    if (name === undefined) fields[field] = content.toString('utf8');
    else {
      const mimeType = /content-type:\s*(\S+)/i.exec(head)?.[1] ?? '';
      files.push({ field, name, mimeType, bytes: Buffer.from(content) });
    }
    at = next;
  }
  return { fields, files };
}
