import type { JetStreamManager } from '@nats-io/jetstream';

/** Deletes what every consumer has acknowledged, up to `before` where given, but not the newest `keepEntries`. */
export async function purgeStream(
  manager: JetStreamManager,
  name: string,
  limits: { readonly keepEntries?: number; readonly before?: Date },
): Promise<void> {
  const { state } = await manager.streams.info(name);
  let edge = state.last_seq + 1 - (limits.keepEntries ?? 0);
  let consumers = 0;
  for await (const { ack_floor: floor } of manager.consumers.list(name)) {
    consumers += 1;
    edge = Math.min(edge, floor.stream_seq + 1);
  }
  // Without a consumer nothing is known to be read.
  if (consumers === 0 || edge <= state.first_seq) return;
  if (limits.before !== undefined) {
    const last = await manager.streams.getMessage(name, { seq: edge - 1 }).catch(() => null);
    if (last === null || last.time > limits.before) return;
  }
  await manager.streams.purge(name, { seq: edge });
}
