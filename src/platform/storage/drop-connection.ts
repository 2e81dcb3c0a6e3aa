import type { ClientBase } from 'pg';
import type { Clock } from '../../base/index.ts';

/** Ends a connection without a word to the server. Statements under way on it fail at once. */
export function dropConnection(client: ClientBase): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

/** Waits for a polite `ending`, but drops the connections when it takes longer than `limitMs`. */
export async function endWithin(
  deps: { clock: Clock; limitMs: number },
  ending: Promise<void>,
  clients: Iterable<ClientBase>,
): Promise<void> {
  const cancelTimer = deps.clock.after(deps.limitMs, () => {
    for (const client of clients) dropConnection(client);
  });
  try {
    await ending;
  } finally {
    cancelTimer();
  }
}
