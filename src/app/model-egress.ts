import { createEgressClient, type EgressClient, type EgressPolicy } from '../platform/http-client/index.ts';

/** The way out to model servers. */
export interface ModelEgress extends Pick<EgressClient, 'fetch' | 'pass' | 'close'> {
  /** The same way out for a server that has to accept connections within so many milliseconds. */
  connectingWithin(connectMs: number): Pick<EgressClient, 'fetch' | 'pass'>;
}

/** Opens it; servers with a time of their own have connections of their own. */
export function createModelEgress(policy: EgressPolicy): ModelEgress {
  const usual = createEgressClient(policy);
  const hasty = new Map<number, EgressClient>();
  let closed = false;
  return {
    fetch: usual.fetch,
    pass: usual.pass,
    connectingWithin: (connectMs) => {
      const known = hasty.get(connectMs);
      if (known !== undefined || closed) return known ?? usual;
      const client = createEgressClient({ ...policy, limits: { ...policy.limits, connectMs } });
      hasty.set(connectMs, client);
      return client;
    },
    close: async () => {
      closed = true;
      await Promise.all([usual, ...hasty.values()].map((client) => client.close()));
    },
  };
}
