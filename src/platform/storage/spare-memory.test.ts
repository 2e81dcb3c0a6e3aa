import { expect, it } from 'vitest';
import { hasLittleMemory } from './spare-memory.ts';

const gib = 1024 ** 3;

it.each([
  ['a small machine', 1 * gib, 0, true],
  ['a machine with just enough', 2 * gib, 0, false],
  ['a small container of a large machine', 64 * gib, 1 * gib, true],
  ['a large machine whose container knows no limit', 64 * gib, 2 ** 63, false],
])('%s', (_name, total, limit, little) => {
  expect(hasLittleMemory(total, limit)).toBe(little);
});
