import { totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';

const littleBytes = 2 * 1024 ** 3;

/** True where less than 2 GiB are there, by the machine or by the limit of its container (0: none is known). */
export function hasLittleMemory(totalBytes: number, limitBytes: number): boolean {
  return Math.min(totalBytes, limitBytes === 0 ? totalBytes : limitBytes) < littleBytes;
}

/**
 * Where memory is scarce, the embedded database's code is compiled quickly instead of well. Optimising it takes up to 600 MB
 * for the first seconds and keeps 100 of them; without it a statement costs a tenth to a fifth more, a long calculation
 * twice as much.
 */
export function spareMemory(): void {
  if (!hasLittleMemory(totalmem(), process.constrainedMemory())) return;
  for (const flag of ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']) setFlagsFromString(flag);
}
