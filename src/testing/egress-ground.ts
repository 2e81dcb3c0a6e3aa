import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createEgressClient } from '../platform/http-client/index.ts';
import type { EgressClient, EgressPolicy, EgressResponse } from '../platform/http-client/egress.ts';
import type { ResolveHost } from '../platform/http-client/guarded-connector.ts';

/** Servers and clients of a test of the egress client; `close` after each test takes them down. */
export class EgressGround {
  readonly #stops: (() => Promise<unknown>)[] = [];

  /** Listens on loopback; resolves with the port. */
  async listen(server: Server): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.later(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(resolve);
      });
    });
    return (server.address() as AddressInfo).port;
  }

  /** An HTTP server. */
  serve(listener: RequestListener): Promise<number> {
    return this.listen(createHttpServer(listener));
  }

  /** A server that answers with bytes of the test's own. */
  serveRaw(onConnection: (socket: Socket) => void): Promise<number> {
    return this.listen(createTcpServer(onConnection));
  }

  /** A client that may go to loopback. */
  open(
    policy: Partial<EgressPolicy> = {},
    options: Parameters<typeof createEgressClient>[1] = {},
  ): EgressClient {
    const client = createEgressClient({ allowPrivate: ['127.0.0.1'], ...policy }, options);
    this.later(() => client.close());
    return client;
  }

  /** Done at `close`, before what came earlier. */
  later(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }

  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0).toReversed()) await stop();
  }
}

/** Finds every name on this machine. */
export const toLoopback: ResolveHost = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);

/** The whole body of an answer. */
export async function textOf(response: EgressResponse): Promise<string> {
  return Buffer.concat((await response.body.toArray()) as Buffer[]).toString();
}

/** The whole body of a request. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat((await request.toArray()) as Buffer[]).toString();
}

/** What a promise is rejected with. */
export const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('succeeded');
    },
    (error: unknown) => error,
  );
