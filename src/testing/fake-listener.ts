import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a fake listens: on a port of its own on loopback, or below a path of a server that it shares with others. */
export class FakeListener {
  /** Emits `request` and `upgrade`, with addresses as if the fake were alone. */
  readonly server: Server;
  readonly #host: () => string;
  readonly #parts: Map<string, Server> | undefined;

  private constructor(server: Server, host: () => string, parts?: Map<string, Server>) {
    this.server = server;
    this.#host = host;
    this.#parts = parts;
  }

  /** A port for one fake. */
  static async alone(): Promise<FakeListener> {
    const server = createServer();
    await listen(server);
    return new FakeListener(server, () => hostOf(server));
  }

  /** A port for several; each gets its part with `below`, and what no part is named for is 404. */
  static async shared(): Promise<FakeListener> {
    const parts = new Map<string, Server>();
    const partOf = (request: IncomingMessage): Server | undefined => {
      const [, name = ''] = (request.url ?? '').split(/[/?]/, 2);
      const part = parts.get(name);
      if (part !== undefined) request.url = (request.url ?? '').slice(name.length + 1);
      return part;
    };
    const server = createServer((request, response) => {
      const part = partOf(request);
      if (part === undefined) response.writeHead(404).end();
      else part.emit('request', request, response);
    });
    server.on('upgrade', (request, socket, head) => {
      const part = partOf(request);
      if (part === undefined) socket.destroy();
      else part.emit('upgrade', request, socket, head);
    });
    await listen(server);
    return new FakeListener(server, () => hostOf(server), parts);
  }

  /** The part of a shared server whose addresses begin with `/name`. */
  below(name: string): FakeListener {
    if (this.#parts === undefined) throw new Error('this server belongs to one fake alone');
    const part = createServer();
    this.#parts.set(name, part);
    return new FakeListener(part, () => `${this.host}/${name}`);
  }

  /** Host, port and path, without scheme. */
  get host(): string {
    return this.#host();
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
  }
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
}

function hostOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
