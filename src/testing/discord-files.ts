import type { ServerResponse } from 'node:http';
import type { UnreadJson as Json } from './discord-types.ts';
import { FileShelf, type ShelvedFile } from './file-shelf.ts';

const dayMs = 86_400_000;

/** Files of a fake Discord: their addresses are good for a time. */
export class DiscordFiles extends FileShelf {
  readonly #host: () => string;

  constructor(host: () => string) {
    super();
    this.#host = host;
  }

  /** A file as a message carries it; its address is good for so many milliseconds. */
  attachmentOf(
    file: { bytes: Uint8Array; name?: string; mimeType?: string },
    options: { id: string; lifeMs: number },
  ): Json {
    const shelved = this.add(file);
    const { name: filename, mimeType, bytes } = shelved;
    const url = this.#addressOf(shelved, options.lifeMs);
    return { id: options.id, filename, content_type: mimeType, size: bytes.length, url };
  }

  /** Without an address that is still good nobody gets a file. */
  serveAddress(path: string, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(path, 'http://fake');
    const isGood = Number.parseInt(searchParams.get('ex') ?? '0', 16) * 1000 > Date.now();
    if (isGood) this.serve(pathname.split('/').at(-1) ?? '', response);
    else response.writeHead(404).end();
  }

  /** New addresses for old ones. */
  renew(body: Json): { readonly refreshed_urls: readonly object[] } {
    const addresses = Array.isArray(body['attachment_urls']) ? (body['attachment_urls'] as string[]) : [];
    return {
      refreshed_urls: addresses.map((original) => {
        const file = this.files.get(new URL(original).pathname.split('/').at(-1) ?? '');
        return { original, refreshed: file === undefined ? null : this.#addressOf(file, dayMs) };
      }),
    };
  }

  #addressOf({ id }: ShelvedFile, lifeMs: number): string {
    const until = Math.floor((Date.now() + lifeMs) / 1000).toString(16);
    return `http://${this.#host()}/attachments/${id}?ex=${until}&hm=signature`;
  }
}
