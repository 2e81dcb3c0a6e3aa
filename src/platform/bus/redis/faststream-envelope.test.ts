import { describe, expect, it } from 'vitest';
import { assert, nat, property, uint8Array } from 'fast-check';
import { entryFields } from '../../../testing/faststream-entry.ts';
import { unwrapEntry, wrapMessage } from './faststream-envelope.ts';

const fieldsOf = (flat: readonly (string | Buffer)[]) =>
  new Map(
    Array.from({ length: flat.length / 2 }, (_unused, index) => [
      String(flat[2 * index]),
      Buffer.from(flat[2 * index + 1] ?? ''),
    ]),
  );
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

describe('FastStream envelopes', () => {
  it.each(['binary', 'json'] as const)('reads body and headers of the %s format', (encoding) => {
    const event = { content: 'Grüße 👋' };
    const { body, headers } = unwrapEntry(fieldsOf(entryFields(encoding, event, { correlation_id: 'c' })));
    expect(JSON.parse(text(body))).toEqual(event);
    expect(headers).toMatchObject({ correlation_id: 'c' });
  });

  it('reads bytes that stand for themselves, and fields without an envelope', () => {
    expect(text(unwrapEntry(fieldsOf(['__data__', '{"a":1}'])).body)).toBe('{"a":1}');
    expect(text(unwrapEntry(fieldsOf(['a', '1', 'b', 'x'])).body)).toBe('{"a":"1","b":"x"}');
  });

  it('finds the body though a header beyond ASCII makes the headers unreadable, as Python writes them', () => {
    const fields = fieldsOf(entryFields('binary', { n: 1 }, { user: 'Zoë', correlation_id: 'c' }));
    expect(text(unwrapEntry(fields).body)).toBe('{"n":1}');
  });

  it('reads what it writes', () => {
    const { body, headers } = unwrapEntry(
      fieldsOf(['__data__', wrapMessage({ body: '{"a":"ä"}', headers: { correlation_id: 'c' } })]),
    );
    expect(text(body)).toBe('{"a":"ä"}');
    expect(headers).toEqual({ correlation_id: 'c', 'content-type': 'application/json' });
  });

  it('takes any bytes, cut or wrong as they may be', () => {
    const binary = fieldsOf(entryFields('binary', { n: 1 }, { correlation_id: 'c' })).get('__data__');
    const whole = binary ?? Buffer.alloc(0);
    for (let length = 0; length <= whole.length; length += 1)
      expect(unwrapEntry(new Map([['__data__', whole.subarray(0, length)]])).body).toBeInstanceOf(Uint8Array);
    assert(
      property(uint8Array({ maxLength: 200 }), nat(whole.length - 1), (noise, at) => {
        const mixed = Buffer.concat([whole.subarray(0, at), noise]);
        expect(unwrapEntry(new Map([['__data__', mixed]])).body).toBeInstanceOf(Uint8Array);
      }),
    );
  });

  it('lets a header named like a part of every object be a header', () => {
    const { headers } = unwrapEntry(fieldsOf(['__data__', '{"data":"1","headers":{"__proto__":"x"}}']));
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
  });
});
