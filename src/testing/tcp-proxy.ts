import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Stands between a client and a server on loopback, so that a test can cut the line. */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #refuses = false;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((inner) => {
      if (this.#refuses) {
        inner.destroy();
        return;
      }
      const outer = connect(target);
      const pair = [inner, outer] as const;
      this.#pairs.add(pair);
      const end = (): void => {
        this.#pairs.delete(pair);
        inner.destroy();
        outer.destroy();
      };
      for (const socket of pair) {
        socket.setNoDelay(true);
        socket.on('error', end);
        socket.on('close', end);
      }
      inner.pipe(outer);
      outer.pipe(inner);
    });
  }

  /** Listens in front of the server of an address such as `redis://127.0.0.1:6379`. */
  static async start(address: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(address);
    const proxy = new TcpProxy({ host: hostname, port: Number(port) });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The address with the proxy's port in it. */
  through(address: string): string {
    const url = new URL(address);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Breaks every connection; new ones are let through. */
  cut(): void {
    for (const [inner, outer] of this.#pairs) {
      inner.destroy();
      outer.destroy();
    }
  }

  /** Breaks every connection and lets none through until `restore`. */
  block(): void {
    this.#refuses = true;
    this.cut();
  }

  restore(): void {
    this.#refuses = false;
  }

  async stop(): Promise<void> {
    this.block();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
