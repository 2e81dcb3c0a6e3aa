import { expect, it } from 'vitest';
import type { JsonObject } from '../../base/index.ts';
import { answerCount } from './answer-count.ts';

it.each<[JsonObject, number]>([
  [{}, 1],
  [{ n: null }, 1],
  [{ n: 3 }, 3],
  [{ n: '3' }, 3],
  [{ n: 'many' }, 1],
  [{ n: -4 }, 1],
  [{ n: 2, best_of: 5 }, 5],
  [{ n: 2, prompt: ['a', 'b', 'c'] }, 6],
  [{ prompt: [1, 2, 3] }, 1],
  [{ prompt: [[1, 2], [3]] }, 2],
  [{ prompt: [] }, 1],
])('%j asks for %d answers', (fields, count) => {
  expect(answerCount(fields)).toBe(count);
});
