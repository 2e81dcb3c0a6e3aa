import { expect, it } from 'vitest';
import { isDownstreamOfTeam } from './team-steps.ts';

it.each([
  ['collaborate', 'member:a', 'member:b', false],
  ['collaborate', 'member:a', 'model:1', true],
  ['collaborate', 'model:1', 'member:a', false],
  ['collaborate', 'model:1', 'tool:1:0', true],
  ['collaborate', 'tool:1:0', 'tool:1:1', false],
  ['route', 'model:1', 'member:a', true],
  ['route', 'member:a', 'model:1', false],
  ['coordinate', 'tool:1:0', 'model:2', true],
  ['coordinate', 'model:2', 'tool:1:0', false],
  ['handoff', 'turn:1:a', 'turn:2:b', true],
  ['handoff', 'turn:2:b', 'turn:1:a', false],
] as const)('%s: after %s, is %s behind? %s–%s', (mode, from, key, behind) => {
  expect(isDownstreamOfTeam(mode, from, key)).toBe(behind);
});
