import { TcpProxy } from '../fixtures/tcp-proxy.ts';

/** A way to a server that the contracts can cut. */
export interface CutLine {
  readonly url: string;
  readonly cut: () => Promise<void>;
  readonly block: () => Promise<void>;
  readonly restore: () => Promise<void>;
}

/** Opens a way to the server of an address such as `redis://127.0.0.1:6379`. */
export async function openCutLine(address: string): Promise<CutLine> {
  const { hostname, port } = new URL(address);
  const proxy = new TcpProxy({ host: hostname, port: Number(port) });
  await proxy.open();
  const url = new URL(address);
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  let isOpen = true;
  const block = async (): Promise<void> => {
    isOpen = false;
    await proxy.cut();
  };
  const restore = async (): Promise<void> => {
    if (!isOpen) await proxy.open();
    isOpen = true;
  };
  return {
    url: url.href,
    cut: async () => {
      await block();
      await restore();
    },
    block,
    restore,
  };
}
