import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeldText } from './held-text.ts';
import { createPiiScan } from './pii-scan.ts';
import { rewriteText } from './rewrite-text.ts';
import { createSecretScan } from './secret-scan.ts';
import type { TextScan } from './text-scan.ts';
import { createWordScan } from './word-scan.ts';

// Put together here, so that no scanner of repositories takes them for real ones.
const joined = (...parts: readonly string[]): string => parts.join('');
const body64 = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj';
const pem = joined(
  '-----BEGIN ',
  'PRIVATE KEY-----\n',
  `${body64}\n`.repeat(20),
  '-----END PRIVATE KEY-----',
);

/** Secret → what must remain of the text that holds it. */
const secrets: readonly (readonly [text: string, expected: string])[] = [
  [joined('use sk-', 'proj-Ab12Cd34Ef56Gh78Ij90Kl12Mn34 now'), 'use [redacted] now'],
  [joined('sk-', 'ant-api03-Ab12Cd34Ef56Gh78Ij90Kl12Mn34_x-Y'), '[redacted]'],
  [joined('key=sk-', '1234567890abcdef1234567890abcdef;'), 'key=[redacted];'],
  [joined('(AK', 'IAIOSFODNN7EXAMPLE)'), '([redacted])'],
  [joined('gh', 'p_', 'a1B2'.repeat(9)), '[redacted]'],
  [joined('github', '_pat_', 'a1B2'.repeat(8)), '[redacted]'],
  [joined('gl', 'pat-', 'a1B2'.repeat(5), '.'), '[redacted].'],
  [joined('xox', 'b-123456789012-abcdefABCDEF'), '[redacted]'],
  [joined('AI', 'za', 'a1B2c'.repeat(7)), '[redacted]'],
  [joined('sk', '_live_', 'a1B2'.repeat(6)), '[redacted]'],
  [joined('npm', '_', 'a1B2'.repeat(9)), '[redacted]'],
  [joined('h', 'f_', 'a1B2'.repeat(8)), '[redacted]'],
  [joined('12345678', '90:', 'a1B2c'.repeat(7)), '[redacted]'],
  [joined('a33', '_abcdefgh_', 'a1B2'.repeat(10)), '[redacted]'],
  [joined('token eyJ', 'hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl!'), 'token [redacted]!'],
  [`a ${pem} b`, 'a [redacted] b'],
  [JSON.stringify({ key: pem }), '{"key":"[redacted]"}'],
  [
    joined('postgres://', 'app:s3cr3t', '@db.internal:5432/x'),
    'postgres://app:[redacted]@db.internal:5432/x',
  ],
  [joined('redis://:', 'hunter2', '@cache/0'), 'redis://:[redacted]@cache/0'],
  [joined('Authorization: Bearer ', 'a1B2'.repeat(8)), 'Authorization: Bearer [redacted]'],
  [joined('pass', 'word = "Tr0ub4dor&3-horse"'), 'password = "[redacted]"'],
  [joined('AWS_SECRET_ACCESS_', 'KEY=', 'a1B2/'.repeat(8)), 'AWS_SECRET_ACCESS_KEY=[redacted]'],
];

const harmless: readonly string[] = [
  'the task-runner and the risk-free sk-button of the design system',
  'class="sk-loading-animation-2023-final-version"',
  'max_tokens: 128000, token: string, tokens=4096',
  'password: ************ or <your-password>, or ${PASSWORD_2_OF_THE_SERVER}',
  'const password = process.env.ADMIN_PASSWORD_2;',
  'api_key: os.environ/OPENAI_API_KEY_2',
  'const token = await createToken(user42, secrets);',
  'commit 3f2504e04f8911d39a0c0305e82c3301aabbccdd, id 550e8400-e29b-41d4-a716-446655440000',
  'see https://example.com/a/b?token_type=x and mailto:someone@example.com',
  'http://localhost:8080/@scope/package',
  'the basic authentication-with-2-factor-and-more works',
  'A private key begins with -----BEGIN PRIVATE KEY----- and ends with another line.',
  'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  'bearer of the authentication header',
];

const people: readonly (readonly [text: string, expected: string])[] = [
  ['write to Jane.Doe+x@mail.example.co.uk.', 'write to [email].'],
  ['<a@b.io>', '<[email]>'],
  ['call +49 30 901820 today', 'call [phone] today'],
  ['call +1 (555) 010-9999', 'call [phone]'],
  ['(555) 010-9999, 555-010-9999', '[phone], [phone]'],
  ['030/901820-12', '[phone]'],
  ['DE89 3704 0044 0532 0130 00 is it', '[iban] is it'],
  ['GB82WEST12345698765432', '[iban]'],
  ['4111 1111 1111 1111, 5500-0000-0000-0004', '[card], [card]'],
  ['from 192.168.10.7 and 2001:db8::ff00:42:8329', 'from [ip] and [ip]'],
];

const nobody: readonly string[] = [
  'on 2026-11-21 at 12:30:45, or 21.11.2026',
  'order 4111111111111112, 1234567890123',
  'version 1.2.3, 10.4.2.1.7, 1,234,567.89',
  'DE89 3704 0044 0532 0130 02',
  'a@b, @name, user@localhost, foo.bar',
  'std::vector and a::b, 12:30',
  'ISBN 978-3-16-148410-0',
  '999.999.999.999',
];

/** What comes out when the text comes in such pieces. */
function streamed(scan: TextScan, text: string, cut: (at: number) => number): { seen: string; held: number } {
  const held = new HeldText('test', scan);
  let seen = '';
  let most = 0;
  for (let at = 0; at < text.length;) {
    const size = Math.max(1, cut(at));
    seen += held.push(text.slice(at, at + size));
    at += size;
    most = Math.max(most, Math.min(at, text.length) - seen.length);
  }
  return { seen: seen + held.end(), held: most };
}

const scan = createSecretScan('redact');
const pii = createPiiScan(['email', 'phone', 'iban', 'card', 'ip'], 'mask');

describe('secrets', () => {
  it.each(secrets)('%#: are taken out', (text, expected) => {
    expect(rewriteText('secrets', scan, text)).toBe(expected);
    // Twice is as once.
    expect(rewriteText('secrets', scan, expected)).toBe(expected);
  });

  it.each(harmless)('leave alone: %s', (text) => {
    expect(rewriteText('secrets', scan, text)).toBe(text);
  });

  it('stop the call where that is wanted, without being told', () => {
    const [[text]] = secrets as [(typeof secrets)[0]];
    expect(() => rewriteText('secrets', createSecretScan('block'), text)).toThrow(/secrets.*api key/);
    expect(() => rewriteText('secrets', createSecretScan('block'), text)).not.toThrow(/Ab12/);
  });

  it('take time in proportion to the text', () => {
    for (const piece of [
      'a',
      'eyJ',
      '-----BEGIN PRIVATE KEY-----',
      'password=',
      'sk-',
      'a://b:',
      '1 ',
      ': \n',
    ])
      for (const one of [scan, pii]) {
        const began = performance.now();
        one.find(piece.repeat(200_000 / piece.length), 0);
        expect(performance.now() - began).toBeLessThan(2000);
      }
  });
});

describe('what tells who somebody is', () => {
  it.each(people)('%s', (text, expected) => {
    expect(rewriteText('pii', pii, text)).toBe(expected);
  });

  it.each(nobody)('leaves alone: %s', (text) => {
    expect(rewriteText('pii', pii, text)).toBe(text);
  });

  it('is only looked for as chosen', () => {
    expect(rewriteText('pii', createPiiScan(['ip'], 'mask'), 'a@b.io 10.0.0.1')).toBe('a@b.io [ip]');
  });
});

describe('words', () => {
  const words = createWordScan({
    words: ['Voldemort', 'he who must'],
    patterns: [String.raw`(?i)x{2,5}y`],
    window: 8,
    action: 'mask',
  });

  it('are found whole, in any case; patterns where they fit', () => {
    expect(rewriteText('w', words, 'VOLDEMORT, Voldemorts, he  who\nmust; aXXXy')).toBe(
      '[…], Voldemorts, […]; a[…]',
    );
  });
});

describe('a stream', () => {
  const samples = [...secrets, ...people].map(([text]) => text);
  const noise = fc.constantFrom(
    'Hello, world. ',
    'x',
    ' ',
    '\n',
    '```',
    'a b ',
    'password: ',
    'Bearer ',
    'voldemort ',
  );
  const text = fc
    .array(fc.oneof(noise, fc.constantFrom(...samples), fc.constantFrom(...harmless, ...nobody)), {
      minLength: 1,
      maxLength: 8,
    })
    .map((parts) => parts.join(' '));
  const words = createWordScan({
    words: ['voldemort', 'he who must'],
    patterns: [],
    window: 1,
    action: 'mask',
  });

  it.each([
    ['secrets', scan],
    ['pii', pii],
    ['words', words],
  ])('of %s comes out as the whole would, however it is cut', (_name, one) => {
    fc.assert(
      fc.property(text, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (whole, sizes) => {
        const { seen } = streamed(one, whole, () => sizes.next().value as number);
        expect(seen).toBe(rewriteText('test', one, whole));
        expect(streamed(one, whole, () => 1).seen).toBe(seen);
      }),
      { numRuns: 300 },
    );
  });

  it('is held back for no longer than a word of prose', () => {
    const prose =
      'The quick brown fox jumps over the lazy dog, and then it sleeps until the morning. '.repeat(20);
    expect(streamed(scan, prose, () => 1).held).toBeLessThan(12);
    expect(streamed(pii, prose, () => 1).held).toBeLessThan(12);
    expect(streamed(words, prose, () => 1).held).toBeLessThan(12);
  });

  it('without a space is let go in the end, and never more of a secret than its beginning', () => {
    const endless = 'ab/+'.repeat(20_000);
    const { seen, held } = streamed(scan, endless, () => 100);
    expect(seen).toBe(endless);
    expect(held).toBeLessThan(20_000);
    const long = joined(
      'eyJ',
      `${'a1B2'.repeat(20)}.`,
      `${'a1B2'.repeat(20)}.`,
      'c3D4'.repeat(20_000),
      ' end',
    );
    expect(streamed(scan, long, () => 100).seen).toBe('[redacted] end');
  });
});
