import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../base/index.ts';
import { createJsonata, type Jsonata } from './create-jsonata.ts';

let open: Jsonata | undefined;
const jsonata = (more: { processes?: number; memoryMb?: number } = {}): Jsonata => {
  open = createJsonata({ clock: systemClock, ...more });
  return open;
};
afterEach(async () => {
  await open?.close();
});

const within = { timeoutMs: 10_000 };
const endless = '($f := function($x) { $f($x + 1) }; $f(0))';

it('makes values of values', async () => {
  const engine = jsonata();
  const input = {
    items: [
      { price: 2, n: 3 },
      { price: 5, n: 1 },
    ],
    name: 'x',
  };
  expect(await engine.evaluate('$sum(items.(price * n))', input, within)).toBe(11);
  expect(await engine.evaluate('{"names": [name, name], "none": null}', input, within)).toEqual({
    names: ['x', 'x'],
    none: null,
  });
  expect(await engine.evaluate('items[price > 3]', input, within)).toEqual({ price: 5, n: 1 });
  expect(await engine.evaluate('$map(items, function($i) { $i.n })', input, within)).toEqual([3, 1]);
});

it('finds nothing as null, also where JSON has no word for what it finds', async () => {
  const engine = jsonata();
  expect(await engine.evaluate('a.b.c', {}, within)).toBeNull();
  expect(await engine.evaluate('$sum', {}, within)).toBeNull();
});

it.each([
  ['1 +', 'Unexpected end of expression (at character 3)'],
  ['(1', 'Expected ")"'],
  ['$nope(1)', 'Attempted to invoke a non-function'],
  ['$error("no good")', 'no good'],
])('says what is wrong with %s', async (expression, message) => {
  await expect(jsonata().evaluate(expression, {}, within)).rejects.toMatchObject({
    code: 'expression_failed',
    message: expect.stringContaining(message),
  });
});

it('stops what does not end, and goes on with others', async () => {
  const engine = jsonata({ processes: 1 });
  const stuck = engine.evaluate(endless, {}, { timeoutMs: 300 });
  const next = engine.evaluate('1 + 1', {}, within);
  await expect(stuck).rejects.toMatchObject({ code: 'timeout' });
  expect(await next).toBe(2);
});

it('stops a regular expression that does not end', async () => {
  const slow = `$match("${'a'.repeat(40)}!", /^(a+)+$/)`;
  await expect(jsonata().evaluate(slow, {}, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'timeout' });
});

it('stops for whoever cancels, under way and in the queue', async () => {
  const engine = jsonata({ processes: 1 });
  const first = new AbortController();
  const second = new AbortController();
  const stuck = engine.evaluate(endless, {}, { timeoutMs: 60_000, signal: first.signal });
  const queued = engine.evaluate('1', {}, { timeoutMs: 60_000, signal: second.signal });
  second.abort(new Error('not wanted'));
  await expect(queued).rejects.toThrow('not wanted');
  first.abort(new Error('cancelled'));
  await expect(stuck).rejects.toThrow('cancelled');
  expect(await engine.evaluate('2', {}, within)).toBe(2);
  await expect(engine.evaluate('3', {}, { timeoutMs: 1, signal: first.signal })).rejects.toThrow('cancelled');
});

it.each([
  '$map([1..9999999], function($i) { {"a": [$i, $string($i)]} })',
  '$count([1..9999999].([1..9999999]))',
  '($f := function($s) { $f($s & $s & "x") }; $f("aaaaaaaaaaaaaaaa"))',
  '($f := function($x) { 1 + $f($x + 1) }; $f(0))',
])(
  'survives what eats all memory: %s',
  async (bomb) => {
    const engine = jsonata({ processes: 1, memoryMb: 48 });
    await expect(engine.evaluate(bomb, {}, { timeoutMs: 20_000 })).rejects.toMatchObject({
      code: 'expression_failed',
    });
    expect(await engine.evaluate('1', {}, within)).toBe(1);
  },
  40_000,
);

it.each([
  'constructor',
  '__proto__',
  '$.constructor.constructor("return process")()',
  '$sum.constructor("return process")()',
  '$string.implementation.constructor("return process")()',
  '$eval("constructor.constructor")',
  '$lookup($, "constructor")',
  '$lookup($sum, "implementation")',
  '{"a": 1} ~> | $ | {"__proto__": {"polluted": 1}} |',
  'process.env',
  'globalThis',
  'require("fs")',
  '$merge([{"__proto__": {"polluted": 1}}])',
])('leads nowhere outside: %s', async (expression) => {
  const engine = jsonata();
  const outcome = await engine.evaluate(expression, { a: 1 }, within).then(
    (value) => value,
    (error: unknown) => {
      expect(error).toMatchObject({ code: 'expression_failed' });
      return null;
    },
  );
  expect(JSON.stringify(outcome)).not.toMatch(/process|function|env|PATH/i);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(await engine.evaluate('polluted', {}, within)).toBeNull();
});

it('takes a megabyte in and out', async () => {
  const text = 'x'.repeat(1_000_000);
  expect(await jsonata().evaluate('{"copy": text}', { text }, within)).toEqual({ copy: text });
});

it('ends with the process', async () => {
  const engine = jsonata({ processes: 1 });
  const stuck = engine.evaluate(endless, {}, { timeoutMs: 60_000 });
  const queued = engine.evaluate('1', {}, within);
  await Promise.all([
    expect(stuck).rejects.toMatchObject({ code: 'expression_failed' }),
    expect(queued).rejects.toMatchObject({ code: 'expression_failed' }),
    engine.close(),
  ]);
});
