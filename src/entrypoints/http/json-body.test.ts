import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tryParseJson, type AppError } from '../../base/index.ts';
import { parseJsonBody } from './json-body.ts';
import { jsonFaultOffset } from './json-fault.ts';

const parse = (text: string): unknown => parseJsonBody(Buffer.from(text));

describe('parseJsonBody', () => {
  it('reads JSON, and an empty body as none', () => {
    expect(parse('{"a":[1,"ü",null]}')).toEqual({ a: [1, 'ü', null] });
    expect(parse('')).toBeUndefined();
  });

  it.each([
    ['{"a":1,\n"b":}', 'unexpected "}" at line 2, column 5'],
    ['{"a"', 'unexpected the end at line 1, column 5'],
    ['hello', 'unexpected "h" at line 1, column 1'],
    ['{"a":1}x', 'unexpected "x" at line 1, column 8'],
    ['[1,]', 'unexpected "]" at line 1, column 4'],
    ['{"a":1,}', 'unexpected "}" at line 1, column 8'],
    ['{"a" 1}', 'unexpected "1" at line 1, column 6'],
    ["{'a':1}", `unexpected "'" at line 1, column 2`],
    ['[1 2]', 'unexpected "2" at line 1, column 4'],
    ['{"a":[1,{"b":tru}]}', 'unexpected "t" at line 1, column 14'],
    ['["x', 'unexpected "\\"" at line 1, column 2'],
  ])('says where %j is no JSON', (text, place) => {
    expect(() => parse(text)).toThrow(place);
  });

  it('finds a place in every text that is none', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', ',', '}', ']', '"', ':', 'x'),
        (json, at, extra) => {
          const offset = at % (json.length + 1);
          const text = json.slice(0, offset) + extra + json.slice(offset + 1);
          const valid = tryParseJson(text) !== undefined;
          const found = jsonFaultOffset(text);
          // A valid text is read to its end.
          if (valid) expect(found).toBe(text.length);
          else expect(found).toBeLessThanOrEqual(text.length);
          expect(tryParseJson(text.slice(0, found)) === undefined || found > 0).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('refuses bytes that are no UTF-8', () => {
    expect(() => parseJsonBody(Buffer.from([0x22, 0xc3, 0x28, 0x22]))).toThrow('UTF-8');
  });

  it('refuses what is nested too deep, also when the text is long', () => {
    expect(parse(`${'['.repeat(32)}${']'.repeat(32)}`)).toBeDefined();
    expect(() => parse(`${'['.repeat(33)}${']'.repeat(33)}`)).toThrow('32 levels');
    expect(() => parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)).toThrow('32 levels');
  });

  it('refuses too many keys', () => {
    const keys = (count: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1])));
    expect(parse(keys(10_000))).toBeDefined();
    expect(() => parse(keys(10_001))).toThrow('10000 keys');
  });

  it('refuses keys that reach for prototypes', () => {
    expect(() => parse('{"a":{"__proto__":{"polluted":1}}}')).toThrow('__proto__');
    expect(() => parse('{"constructor":{"prototype":{"polluted":1}}}')).toThrow('constructor');
    expect(parse('{"constructor":"Bach"}')).toEqual({ constructor: 'Bach' });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('answers any bytes with a value or an error for the caller', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.json()), (input) => {
        try {
          parseJsonBody(Buffer.from(input as Uint8Array));
        } catch (error) {
          expect((error as AppError).code).toBe('invalid_request');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
