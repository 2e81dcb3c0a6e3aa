import { expect, it } from 'vitest';
import { FakeClock } from '../../testing/fake-clock.ts';
import { BatchedLines } from './batched-lines.ts';

it('writes lines together after a moment, at once when one is urgent or there are many', async () => {
  const clock = new FakeClock();
  const written: string[] = [];
  const lines = new BatchedLines({ write: (text) => void written.push(text) }, clock);
  lines.write('a\n', false);
  lines.write('b\n', false);
  expect(written).toEqual([]);
  await clock.advance(100);
  expect(written).toEqual(['a\nb\n']);
  lines.write('c\n', false);
  lines.write('d\n', true);
  expect(written.at(-1)).toBe('c\nd\n');
  await clock.advance(1000);
  expect(written).toHaveLength(2);
  lines.write(`${'x'.repeat(20_000)}\n`, false);
  expect(written).toHaveLength(3);
  lines.write('e\n', false);
  lines.flush();
  expect(written.at(-1)).toBe('e\n');
});
