import { expect, it } from 'vitest';
import { HandoverPath } from './handover-path.ts';

const pass = (hops: readonly (readonly [to: string, content: string])[], most = 10): string => {
  const path = new HandoverPath('t', 'a', most);
  try {
    for (const [to, content] of hops) path.pass(to, content);
    return path.shown;
  } catch (error) {
    return (error as Error).message;
  }
};

it.each([
  [
    'control that moves on',
    [
      ['b', ''],
      ['c', ''],
    ],
    'a → b → c',
  ],
  [
    'control that comes back once',
    [
      ['b', ''],
      ['a', ''],
    ],
    'a → b → a',
  ],
  [
    'a round with news each time',
    [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
      ['a', '4'],
    ],
    'a → b → a → b → a',
  ],
] as const)('lets %s be', (_, hops, shown) => {
  expect(pass(hops)).toBe(shown);
});

it.each([
  [
    'nothing was added',
    [
      ['b', ''],
      ['a', ''],
      ['b', ''],
    ],
  ],
  [
    'the same was said again',
    [
      ['b', 'Order 7'],
      ['a', 'x'],
      ['b', ' order  7 '],
    ],
  ],
  [
    'news ran dry',
    [
      ['b', '1'],
      ['a', '2'],
      ['b', ''],
    ],
  ],
] as const)('ends a round in which %s', (_, hops) => {
  expect(pass(hops)).toContain('goes round without anything new: a → b → a → b');
});

it('ends more hand-overs than are allowed', () => {
  expect(
    pass(
      [
        ['b', ''],
        ['c', ''],
        ['d', ''],
      ],
      2,
    ),
  ).toContain('more than 2 times (limits.maxRounds): a → b → c → d');
});
