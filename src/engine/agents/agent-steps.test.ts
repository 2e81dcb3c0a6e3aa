import { expect, it } from 'vitest';
import { isDownstreamStep } from './agent-steps.ts';

it.each([
  ['model:2', 'model:1', false],
  ['model:2', 'tool:1:0', false],
  ['model:2', 'tool:2:0', true],
  ['model:2', 'model:3', true],
  ['model:2', 'tool:10:0', true],
  ['tool:2:0', 'model:2', false],
  ['tool:2:0', 'tool:2:1', false],
  ['tool:2:1', 'tool:2:0', false],
  ['tool:2:0', 'model:3', true],
  ['approve:tool:2:0', 'tool:2:0', true],
  ['approve:tool:2:0', 'tool:2:1', false],
  ['tool:2:0', 'approve:tool:2:0', false],
  ['model:2', 'something else', true],
  ['something else', 'model:1', true],
])('after %s, %s is done again: %s', (from, key, expected) => {
  expect(isDownstreamStep(from, key)).toBe(expected);
});
