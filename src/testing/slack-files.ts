import type { IncomingMessage, ServerResponse } from 'node:http';
import { FileShelf } from './file-shelf.ts';
import type { SentSlackFile } from './slack-post.ts';

type Parameters = Readonly<Record<string, unknown>>;
type Answer = { readonly result: object } | { readonly error: string };

/** Files of a fake Slack: downloads want the bot's token, uploads come in three steps. */
export class SlackFiles extends FileShelf {
  /** What the bot has shared. */
  readonly shared: SentSlackFile[] = [];
  readonly #uploads = new Map<string, { readonly name: string; bytes?: Buffer }>();
  readonly #host: () => string;
  readonly #token: string;
  #next = 1;

  constructor(host: () => string, token: string) {
    super();
    this.#host = host;
    this.#token = token;
  }

  /** A file as a message carries it. */
  fileOf(file: { bytes: Uint8Array; name?: string; mimeType?: string }): Record<string, unknown> {
    const { id, name, mimeType, bytes } = this.add(file);
    const url = `http://${this.#host()}/files-pri/${id}`;
    return { id, name, mimetype: mimeType, size: bytes.length, url_private: url };
  }

  /** Without the bot's token it is the login page that one gets. */
  download(id: string, request: IncomingMessage, response: ServerResponse): void {
    if (request.headers.authorization !== `Bearer ${this.#token}`) this.failNext({ kind: 'page' });
    this.serve(id, response);
  }

  upload(id: string, bytes: Buffer, response: ServerResponse): void {
    const place = this.#uploads.get(id);
    if (place !== undefined) place.bytes = bytes;
    response.writeHead(place === undefined ? 404 : 200).end();
  }

  openUpload({ filename, length }: Parameters): Answer {
    if (typeof filename !== 'string' || !/^\d+$/.test(String(length))) return { error: 'invalid_arguments' };
    const id = `F${this.#next++}`;
    this.#uploads.set(id, { name: filename });
    return { result: { file_id: id, upload_url: `http://${this.#host()}/upload/${id}` } };
  }

  share({ files, channel_id: channel, thread_ts: thread }: Parameters): Answer {
    for (const { id } of files as { id: string }[]) {
      const { name, bytes } = this.#uploads.get(id) ?? { name: '' };
      if (bytes === undefined) return { error: 'file_not_found' };
      const threadTs = thread as string | undefined;
      this.shared.push({ id, channel: String(channel), threadTs, name, bytes });
    }
    return { result: { files } };
  }
}
