import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spliceJson, type JsonEdits } from './splice-json.ts';

const edited = (text: string, edits: JsonEdits): string => spliceJson(Buffer.from(text), edits).toString();

/** What the edits mean, in the words of `JSON.parse`. */
function expected(text: string, { set = {}, setAbsent = {}, remove = [] }: JsonEdits): unknown {
  const given = JSON.parse(text) as Record<string, unknown>;
  const missing = Object.entries(setAbsent).filter(
    ([name]) => !Object.hasOwn(given, name) || given[name] === null,
  );
  const kept = Object.entries(given).filter(([name]) => !remove.includes(name));
  return Object.fromEntries([...kept, ...missing, ...Object.entries(set)]);
}

/** JSON as clients may write it: spaces anywhere, escapes of any character, members that stand there twice. */
const names = fc.oneof(
  fc.constantFrom('model', 'stream', 'stream_options', 'a', ''),
  fc.string({ unit: 'binary' }),
);
const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 2 });
const escapedText = fc.tuple(names, fc.boolean()).map(([text, escape]) =>
  escape
    ? `"${text
        .split('')
        .map((unit) => String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .join('')}"`
    : JSON.stringify(text),
);
const { object: objectText } = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.json({ maxDepth: 1 }),
    escapedText,
    fc.constantFrom('1e400', '-0', '12345678901234567890', '"\\\\"', '"\\""', '[]', '{}', 'null'),
    fc
      .string({ minLength: 120, maxLength: 400, unit: fc.constantFrom('"', '\\', 'a', 'ü', '}') })
      .map((text) => JSON.stringify(text)),
    tie('object'),
    fc
      .tuple(space, fc.array(tie('value'), { maxLength: 3 }))
      .map(([gap, items]) => `[${gap}${items.join(`${gap},${gap}`)}${gap}]`),
  ),
  object: fc
    .tuple(space, fc.array(fc.tuple(escapedText, tie('value')), { maxLength: 5 }))
    .map(
      ([gap, members]) =>
        `{${gap}${members.map(([name, value]) => `${name}${gap}:${gap}${value}`).join(`${gap},${gap}`)}${gap}}`,
    ),
}));
const someObject = fc.dictionary(names, fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3, noNullPrototype: true });

describe('splicing JSON', () => {
  it('means what the same change to the parsed object means', () => {
    fc.assert(
      fc.property(
        fc.tuple(space, objectText, space).map((parts) => parts.join('')),
        someObject,
        someObject,
        fc.array(names, { maxLength: 2 }),
        (text, set, setAbsent, remove) => {
          fc.pre(![...Object.keys(set), ...Object.keys(setAbsent), ...remove].includes('__proto__'));
          fc.pre(!text.includes('__proto__'));
          // What JSON cannot say (-0) is not what this is about.
          const edits = JSON.parse(JSON.stringify({ set, setAbsent, remove })) as JsonEdits;
          expect(JSON.parse(edited(text, edits))).toEqual(expected(text, edits));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('leaves every other byte as it was', () => {
    const text =
      '{ "a":1.0e+2, "model" : "x" ,\n"big":12345678901234567890,"n":{"model":"x"},"s":"\\u00fc" }';
    expect(edited(text, { set: { model: 'yü' } })).toBe(text.replace('"x"', '"yü"'));
  });

  it('changes each place of a name that stands there twice, however it is written', () => {
    expect(edited('{"model":"a","mod\\u0065l":{"b":[1,"}"]}}', { set: { model: 'c' } })).toBe(
      '{"model":"c","mod\\u0065l":"c"}',
    );
  });

  it('adds to an empty object and to one whose members all go', () => {
    expect(edited(' {} ', { set: { a: 1 } })).toBe(' {"a":1} ');
    expect(edited('{"b":2}', { set: { a: 1 }, remove: ['b'] })).toBe('{"a":1}');
    expect(edited('{"b":2}', { remove: ['b'] })).toBe('{}');
    expect(edited('{"b":2,"c":3,"b":4}', { remove: ['b'] })).toBe('{"c":3}');
  });

  it('sets what is missing or null, and no more', () => {
    expect(edited('{"t":null,"u":0}', { setAbsent: { t: 1, u: 1, v: 1 } })).toBe('{"v":1,"t":1,"u":0}');
  });

  it('takes time in proportion to the length', () => {
    const text = JSON.stringify({ text: '\\"'.repeat(500_000), model: 'a' });
    const begun = performance.now();
    expect(JSON.parse(edited(text, { set: { model: 'b' } }))).toMatchObject({ model: 'b' });
    expect(performance.now() - begun).toBeLessThan(500);
  });
});
