import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { ChannelHub } from '../../../src/entrypoints/channels/index.ts';

/** A port that hands the calls it gets to one channel of a hub, as the HTTP server does. */
export class HubEndpoint {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** For the channel that is named as its platform is. */
  static async open(hub: ChannelHub, platform: string): Promise<HubEndpoint> {
    const server = createServer((request, response) => {
      void (async () => {
        const { searchParams } = new URL(request.url ?? '/', 'http://hub');
        const answer = await hub.handleWebhook(platform, platform, {
          method: request.method === 'GET' ? 'GET' : 'POST',
          headers: request.headers as Readonly<Record<string, string>>,
          query: Object.fromEntries(searchParams),
          body: await buffer(request),
        });
        response.writeHead(answer.status, { 'content-type': answer.contentType ?? 'text/plain' });
        response.end(answer.body);
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HubEndpoint(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
