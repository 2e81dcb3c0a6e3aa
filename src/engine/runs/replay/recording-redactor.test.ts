import { describe, expect, it } from 'vitest';
import type { Json } from '../../../base/index.ts';
import { RecordingRedactor } from './recording-redactor.ts';

function redact(value: Json, pii = false): string {
  const redactor = new RecordingRedactor({ pii });
  redactor.learnFrom(value);
  return JSON.stringify(redactor.redact(value));
}

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r';

describe('what leaves with a recording', () => {
  it.each<[string, Json, string]>([
    ['a value under a telling name', { password: 'tiger' }, 'tiger'],
    ['the same value elsewhere', { password: 'tiger', said: 'it is "tiger".' }, 'tiger'],
    ['lists under such a name', { api_keys: ['x'], token: ['abcd', 'efgh'] }, 'efgh'],
    ['objects under such a name', { credentials: { user: 'jane', value: 'open-sesame' } }, 'open-sesame'],
    ['a header', { headers: { Authorization: 'Bearer abcdefgh1234' }, text: 'abcdefgh1234' }, 'abcdefgh1234'],
    ['a cookie', { headers: { Cookie: 'sid=abcdef123456; x=1' }, text: 'abcdef123456' }, 'abcdef123456'],
    ['a header with a name of its own', { 'X-Custom-Auth': 'lookatme' }, 'lookatme'],
    ['an address', { url: 'https://a.test/?access_token=s3cr3tvalue&x=1' }, 's3cr3tvalue'],
    ['credentials in an address', { url: 'https://jane:s3cr3t@a.test/' }, 's3cr3t'],
    ['JSON in a text', { text: '{"api_key":"zzz999yyy"} and zzz999yyy' }, 'zzz999yyy'],
    ['JSON in JSON in a text', { text: JSON.stringify('{"api_key":"zzz999yyy"}') }, 'zzz999yyy'],
    ['a key of OpenAI', 'sk-abcdefghijklmnop1234', 'sk-abc'],
    ['a token', `bearer ${jwt} and alone ${jwt}`, jwt],
    ['a key of AWS', 'AKIAIOSFODNN7EXAMPLE', 'AKIA'],
    ['a key of GitHub', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789', 'ghp_'],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----', 'MIIEow'],
    ['a private key that is cut off', 'x -----BEGIN PRIVATE KEY-----\nMIIEow', 'MIIEow'],
    ['a key of an object', { 'sk-abcdefghijklmnop1234': 1 }, 'sk-abc'],
    ['a number under a telling name', { pin: 123_456 }, '123456'],
  ])('is not %s', (_name, value, secret) => {
    expect(JSON.stringify(value)).toContain(secret);
    expect(redact(value)).not.toContain(secret);
  });

  it.each<[string, Json]>([
    ['counts of tokens', { input_tokens: 5, maxTokens: 8000, tokens: 3 }],
    ['a schema that names a secret', { properties: { password: { type: 'string', description: 'yours' } } }],
    ['a reference', { config: { api_key: '${OPENAI_API_KEY}' } }],
    ['prose', { text: 'Enter your password: please. The token is valid until Monday at 10:30.' }],
    ['an address and a number', { text: 'jane@corp.test, +49 30 1234567, 2026-11-21T07:00:00.000Z' }],
  ])('is still %s', (_name, value) => {
    expect(redact(value).replaceAll('[redacted]', '')).toBe(
      JSON.stringify(value).replaceAll('password: please.', 'password: '),
    );
  });

  it('holds no personal data when that was asked for', () => {
    const text = 'Jane <jane.doe+x@corp.test>, +49 30 1234567 or (030) 123 4567, 555-123-4567';
    const bare = redact({ text, at: '2026-11-21T07:00:00.000Z', count: '1732173000000' }, true);
    for (const part of ['jane', '1234567', '123 4567', '555-123']) expect(bare).not.toContain(part);
    expect(bare).toContain('2026-11-21T07:00:00.000Z');
    expect(bare).toContain('1732173000000');
  });

  it('is the same however often it is redacted', () => {
    const value = {
      password: 'tiger',
      text: `tiger, token=abc123def and ${jwt}`,
      url: 'https://a:b1b2@x.test',
    };
    const redactor = new RecordingRedactor({ pii: true });
    redactor.learnFrom(value);
    const once = redactor.redact(value);
    expect(redactor.redact(once)).toEqual(once);
    expect(new RecordingRedactor({ pii: true }).redact(once)).toEqual(once);
  });
});
