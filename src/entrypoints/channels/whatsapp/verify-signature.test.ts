import { describe, expect, it } from 'vitest';
import { signedWhatsAppHeaders } from '../../../testing/channels.ts';
import type { RawWebhook } from '../channel-adapter.ts';
import { answerWhatsAppChallenge, verifyWhatsAppSignature } from './verify-signature.ts';

const secret = '0123456789abcdef0123456789abcdef';
const post = (body: string, headers: Record<string, string>): RawWebhook => ({
  method: 'POST',
  headers,
  query: {},
  body: new TextEncoder().encode(body),
});
const signed = (body: string) => post(body, signedWhatsAppHeaders(secret, body));
const header = 'x-hub-signature-256';

describe('the signature of a call', () => {
  it('is right for a known example', () => {
    // HMAC-SHA256 of RFC 4231, test case 2.
    const raw = post('what do ya want for nothing?', {
      [header]: 'sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    });
    expect(verifyWhatsAppSignature(raw, 'Jefe')).toBe(true);
  });

  it.each([
    ['plain', '{"a":1}'],
    ['emoji and accents', '{"text":"👩‍👩‍👧 é \\u00e9 你好"}'],
    ['an empty body', ''],
  ])('is right over the raw bytes: %s', (_title, body) => {
    expect(verifyWhatsAppSignature(signed(body), secret)).toBe(true);
  });

  it('may be written in capitals', () => {
    const raw = signed('{}');
    const given = (raw.headers[header] ?? '').slice('sha256='.length).toUpperCase();
    expect(verifyWhatsAppSignature(post('{}', { [header]: `sha256=${given}` }), secret)).toBe(true);
  });

  it('is refused when any part of it is wrong or missing', () => {
    const good = signed('{"text":"👋"}');
    const given = good.headers[header] ?? '';
    const bad: RawWebhook[] = [
      { ...good, headers: {} },
      { ...good, body: new TextEncoder().encode('{"text":"👋 "}') },
      // The same JSON, serialised anew.
      { ...good, body: new TextEncoder().encode(String.raw`{"text":"\ud83d\udc4b"}`) },
      ...[
        '',
        'sha256=',
        given.slice('sha256='.length),
        `sha1=${given.slice('sha256='.length)}`,
        given.slice(0, -1),
        `${given}0`,
        `${given.slice(0, -1)}${given.endsWith('0') ? '1' : '0'}`,
        `sha256=${'z'.repeat(64)}`,
        'x'.repeat(100_000),
      ].map((one) => ({ ...good, headers: { [header]: one } })),
    ];
    for (const raw of bad) expect(verifyWhatsAppSignature(raw, secret)).toBe(false);
    for (const other of ['', `${secret}x`]) expect(verifyWhatsAppSignature(good, other)).toBe(false);
  });
});

describe('the check of the address', () => {
  const word = 'a word of our own';
  const asked = (query: Record<string, string>, method: RawWebhook['method'] = 'GET') =>
    answerWhatsAppChallenge({ method, headers: {}, query, body: new Uint8Array() }, word);
  const right = { 'hub.mode': 'subscribe', 'hub.verify_token': word, 'hub.challenge': '1158201444' };

  it('is answered with the challenge as text', () => {
    expect(asked(right)).toEqual({
      status: 200,
      contentType: 'text/plain; charset=utf-8',
      body: '1158201444',
    });
  });

  it.each([
    ['another word', { ...right, 'hub.verify_token': 'a word of our owm' }],
    ['no word', { 'hub.mode': 'subscribe', 'hub.challenge': '1' }],
    ['another mode', { ...right, 'hub.mode': 'unsubscribe' }],
    ['no challenge', { 'hub.mode': 'subscribe', 'hub.verify_token': word }],
    ['a challenge without end', { ...right, 'hub.challenge': '1'.repeat(10_000) }],
    ['nothing', {}],
  ])('is refused with %s', (_title, query) => {
    expect(asked(query)).toEqual({ status: 403 });
  });

  it('is not what a POST asks for', () => {
    expect(asked(right, 'POST')).toBeUndefined();
  });
});
