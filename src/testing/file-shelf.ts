import type { ServerResponse } from 'node:http';

/**
 * What goes wrong with the next downloads. `hold`: half of the file comes, then nothing until the caller goes away.
 * `cut`: half of it, then the connection breaks. `page`: a login page in its place.
 */
export type FileFault =
  | { readonly kind: 'error'; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly kind: 'hold' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'redirect'; readonly to: string }
  | { readonly kind: 'page' };

/** A file that a platform keeps. */
export interface ShelvedFile {
  readonly id: string;
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Buffer;
}

/** The files of a fake platform, and how they are served. */
export class FileShelf {
  readonly files = new Map<string, ShelvedFile>();
  /** Ids of the files that were asked for, in order; those that failed too. */
  readonly asked: string[] = [];
  readonly #faults: FileFault[] = [];
  #next = 1;

  add(file: { bytes: Uint8Array; name?: string; mimeType?: string }): ShelvedFile {
    const id = `file${this.#next++}`;
    const { name = id, mimeType = 'application/octet-stream' } = file;
    const shelved = { id, name, mimeType, bytes: Buffer.from(file.bytes) };
    this.files.set(id, shelved);
    return shelved;
  }

  /** The next downloads meet these faults, one each. */
  failNext(...faults: readonly FileFault[]): void {
    this.#faults.push(...faults);
  }

  /** Answers a download. */
  serve(id: string, response: ServerResponse): void {
    this.asked.push(id);
    const file = this.files.get(id);
    const fault = this.#faults.shift();
    if (fault?.kind === 'error') {
      const { status, retryAfterSeconds: seconds } = fault;
      response.writeHead(status, seconds === undefined ? {} : { 'retry-after': String(seconds) }).end();
    } else if (fault?.kind === 'redirect') {
      response.writeHead(302, { location: fault.to }).end();
    } else if (fault?.kind === 'page') {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>Sign in</html>');
    } else if (file === undefined) {
      response.writeHead(404).end();
    } else {
      const { bytes, mimeType } = file;
      response.writeHead(200, { 'content-type': mimeType, 'content-length': String(bytes.length) });
      if (fault === undefined) response.end(bytes);
      else
        response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => {
          if (fault.kind === 'cut') response.destroy();
        });
    }
  }
}
