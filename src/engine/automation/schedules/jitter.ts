import { createHash } from 'node:crypto';

/** How much later than its slot a run starts, in ms below `jitterMs`: by name and slot, so the same for every process. */
export function jitterOf(jitterMs: number, name: string, slot: number): number {
  if (jitterMs <= 0) return 0;
  const digest = createHash('sha256').update(`${name}@${slot}`).digest();
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * jitterMs);
}
