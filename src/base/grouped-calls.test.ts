import { expect, it } from 'vitest';
import { GroupedCalls } from './grouped-calls.ts';

function prepare(sideBySide: number, most = 100) {
  const groups: (readonly number[])[] = [];
  const ends: (() => void)[] = [];
  const calls = new GroupedCalls<number, string>({
    sideBySide,
    most,
    async call(items) {
      groups.push(items);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (items.includes(13)) throw new Error('the whole group');
      return items.map((item) => (item < 0 ? Promise.reject(new Error(`no ${item}`)) : `${item}`));
    },
  });
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { calls, groups, end };
}

it('lets a lone call go at once, and puts those together that come meanwhile', async () => {
  const { calls, groups, end } = prepare(2, 3);
  const results = Promise.all([1, 2, 3, 4, 5, 6].map((item) => calls.add(item)));
  expect(groups).toEqual([[1], [2]]);
  await end();
  expect(groups.slice(2)).toEqual([[3, 4, 5]]);
  await end();
  expect(groups.slice(3)).toEqual([[6]]);
  await end();
  await end();
  expect(await results).toEqual(['1', '2', '3', '4', '5', '6']);
  void calls.add(7);
  expect(groups.at(-1)).toEqual([7]);
});

it('lets each item fail for itself, and all of a group when the group fails', async () => {
  const { calls, end } = prepare(1);
  const results = Promise.allSettled([1, -2, 3].map((item) => calls.add(item)));
  await end();
  await end();
  expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const doomed = Promise.allSettled([0, 13, 4].map((item) => calls.add(item)));
  await end();
  await end();
  expect((await doomed).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  const after = calls.add(5);
  await end();
  expect(await after).toBe('5');
});
