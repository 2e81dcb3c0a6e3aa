import { describe, expect, it } from 'vitest';
import { signedSlackHeaders } from '../../../testing/channels.ts';
import type { RawWebhook } from '../channel-adapter.ts';
import { answerSlackChallenge, decodeSlackWebhook } from './decode-webhook.ts';
import { verifySlackSignature } from './verify-signature.ts';

const secret = '8f742231b10e8888abcd99yyyzzz85a5';
const now = 1_531_420_618_000;
const post = (body: string, headers: Record<string, string>): RawWebhook => ({
  method: 'POST',
  headers,
  query: {},
  body: new TextEncoder().encode(body),
});
const signed = (body: string, nowMs = now, contentType = 'application/json') =>
  post(body, signedSlackHeaders(secret, body, { nowMs, contentType }));
const without = (raw: RawWebhook, name: string): RawWebhook => ({
  ...raw,
  headers: Object.fromEntries(Object.entries(raw.headers).filter(([header]) => header !== name)),
});

describe('the signature of a call', () => {
  it('is right for the example of the documentation', () => {
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
    const raw = post(body, {
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    });
    expect(verifySlackSignature(raw, secret, now)).toBe(true);
  });

  it.each([
    ['now', '{"a":1}', 0, true],
    ['an emoji and accents', '{"text":"👩‍👩‍👧 é \\u00e9 你好"}', 0, true],
    ['an empty body', '', 0, true],
    ['just young enough', '{}', -300_000, true],
    ['too old', '{}', -301_000, false],
    ['a little ahead', '{}', 300_000, true],
    ['from the future', '{}', 302_000, false],
  ])('%s', (_title, body, offset, expected) => {
    expect(verifySlackSignature(signed(body, now + offset), secret, now)).toBe(expected);
  });

  it('is refused when any part of it is wrong or missing', () => {
    const good = signed('{"text":"👋"}');
    const bad: RawWebhook[] = [
      without(good, 'x-slack-signature'),
      without(good, 'x-slack-request-timestamp'),
      { ...good, headers: {} },
      { ...good, body: new TextEncoder().encode('{"text":"👋 "}') },
      // The same JSON, serialised anew.
      { ...good, body: new TextEncoder().encode(String.raw`{"text":"\ud83d\udc4b"}`) },
      ...['', 'v0=', 'v0', 'v1=abc', 'x'.repeat(10_000), `${good.headers['x-slack-signature']}0`].map(
        (given) => ({
          ...good,
          headers: { ...good.headers, 'x-slack-signature': given },
        }),
      ),
      ...['', 'abc', '-1', '1e9', 'NaN', ' 1531420618', '1531420619'].map((stamp) => ({
        ...good,
        headers: { ...good.headers, 'x-slack-request-timestamp': stamp },
      })),
    ];
    for (const raw of bad) expect(verifySlackSignature(raw, secret, now)).toBe(false);
    for (const other of [undefined, '', `${secret}x`])
      expect(verifySlackSignature(good, other, now)).toBe(false);
  });
});

describe('the body of a call', () => {
  it('answers the check of the address with its challenge', () => {
    const body = JSON.stringify({ token: 'x', challenge: '3eZbrw1aB10', type: 'url_verification' });
    expect(answerSlackChallenge(signed(body))).toMatchObject({ status: 200, body: '3eZbrw1aB10' });
    expect(answerSlackChallenge(signed('{"type":"event_callback"}'))).toBeUndefined();
    expect(answerSlackChallenge(signed('ssl_check=1&token=x', now, form))).toEqual({ status: 200 });
    expect(answerSlackChallenge({ ...signed(body), method: 'GET' })).toBeUndefined();
    for (const odd of ['', 'null', '[]', '7', '{"type":"url_verification","challenge":{}}']) {
      expect(answerSlackChallenge(signed(odd))).toBeUndefined();
    }
  });

  it('is read as JSON, form or payload, without the outdated token', () => {
    expect(decodeSlackWebhook(signed('{"token":"secret","type":"x"}'))).toEqual({ type: 'x' });
    const slash = 'token=secret&command=%2Fagent33&text=a%26b+c';
    expect(decodeSlackWebhook(signed(slash, now, form))).toEqual({ command: '/agent33', text: 'a&b c' });
    const press = `payload=${encodeURIComponent('{"type":"block_actions","token":"secret"}')}`;
    expect(decodeSlackWebhook(signed(press, now, `${form}; charset=utf-8`))).toEqual({
      type: 'block_actions',
    });
    expect(decodeSlackWebhook(signed('{'))).toBeUndefined();
    expect(decodeSlackWebhook(signed('payload={', now, form))).toBeUndefined();
  });
});

const form = 'application/x-www-form-urlencoded';
