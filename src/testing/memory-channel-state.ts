import type { ChannelState, StateKey } from '../entrypoints/channels/index.ts';
import type { Json } from '../base/index.ts';

/** Channel state in memory; leases are held until they are released. */
export class MemoryChannelState implements ChannelState {
  readonly values = new Map<string, { value: Json; atMs: number }>();
  readonly leases = new Map<string, string>();

  get(key: StateKey): Promise<{ value: Json; ageMs: number } | undefined> {
    const found = this.values.get(nameOf(key));
    if (found === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ value: structuredClone(found.value), ageMs: Date.now() - found.atMs });
  }

  set(key: StateKey, value: Json): Promise<void> {
    this.values.set(nameOf(key), { value: structuredClone(value), atMs: Date.now() });
    return Promise.resolve();
  }

  async raise(key: StateKey, value: number): Promise<void> {
    const present = (await this.get(key))?.value;
    if (typeof present !== 'number' || present < value) await this.set(key, value);
  }

  delete(key: StateKey): Promise<void> {
    this.values.delete(nameOf(key));
    return Promise.resolve();
  }

  deleteOlder(key: StateKey, maxAgeMs: number): Promise<void> {
    for (const [name, { atMs }] of this.values)
      if (name.startsWith(nameOf(key)) && Date.now() - atMs > maxAgeMs) this.values.delete(name);
    return Promise.resolve();
  }

  acquireLease(key: StateKey, owner: string): Promise<boolean> {
    const holder = this.leases.get(nameOf(key)) ?? owner;
    if (holder === owner) this.leases.set(nameOf(key), owner);
    return Promise.resolve(holder === owner);
  }

  releaseLease(key: StateKey, owner: string): Promise<void> {
    if (this.leases.get(nameOf(key)) === owner) this.leases.delete(nameOf(key));
    return Promise.resolve();
  }
}

function nameOf({ tenant, channel, accountId, key }: StateKey): string {
  return [tenant, channel, accountId, key].join('/');
}
