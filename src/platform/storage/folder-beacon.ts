import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';

// Longest path of a socket that every system takes.
const longestPath = 100;
const probeTimeoutMs = 2_000;

/**
 * A socket file that answers as long as this process lives, whatever process-id namespace one looks from: the kernel
 * closes it with the process. Undefined where the file system or the path's length does not allow one.
 */
export async function lightBeacon(path: string): Promise<(() => Promise<void>) | undefined> {
  if (Buffer.byteLength(path) > longestPath) return undefined;
  await rm(path, { force: true });
  const server = createServer((socket) => socket.destroy());
  server.unref();
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(path, () => resolve(true));
  });
  if (!listening) return undefined;
  return async () => {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await rm(path, { force: true });
  };
}

/** Is there a living process behind the socket file? `unknown` where that cannot be told. */
export function probeBeacon(path: string): Promise<'alive' | 'dead' | 'unknown'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.setTimeout(probeTimeoutMs, () => {
      socket.destroy();
      resolve('unknown');
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve('alive');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' ? 'dead' : 'unknown');
    });
  });
}
