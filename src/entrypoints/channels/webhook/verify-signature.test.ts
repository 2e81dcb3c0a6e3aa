import { createHmac, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { channelDefinition, type WebhookSignature } from '../../../protocol/index.ts';
import { signStandardWith, signWebhook } from '../../../testing/webhook-signatures.ts';
import type { RawWebhook } from '../channel-adapter.ts';
import { signatureFault, verifyWebhookSignature } from './verify-signature.ts';

const nowMs = 1_795_000_000_000;
const secret = 'a-secret-that-both-sides-know';
const body = '{ "text": "é👋",\n "n": 1.0 }';

function signatureOf(signature: object): WebhookSignature {
  const { spec } = channelDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Channel',
    metadata: { name: 'hook' },
    spec: { platform: 'webhook', agent: 'a', signature },
  });
  if (spec.platform !== 'webhook') throw new Error('no webhook');
  return spec.signature;
}

const call = (headers: Readonly<Record<string, string>>, text: string = body): RawWebhook => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  query: {},
  body: new TextEncoder().encode(text),
});

const check = (signature: object, raw: RawWebhook, at = nowMs): boolean =>
  verifyWebhookSignature(raw, signatureOf(signature), at);

const schemes = Object.keys(signWebhook) as (keyof typeof signWebhook)[];
const settingsOf = (scheme: string, given: string | readonly string[] = secret) => ({
  scheme,
  secret: given,
  ...(scheme === 'basic' ? { username: 'hook' } : {}),
});

describe.each(schemes)('the scheme %s', (scheme) => {
  const signed = signWebhook[scheme](body, secret, nowMs);
  const names = Object.keys(signed);

  it('lets in what was signed with its secret, and nothing that was signed with another', () => {
    expect(check(settingsOf(scheme), call(signed))).toBe(true);
    expect(check(settingsOf(scheme, 'some other secret'), call(signed))).toBe(false);
  });

  it('knows each of several secrets while they are exchanged', () => {
    expect(check(settingsOf(scheme, ['the one before', secret]), call(signed))).toBe(true);
    expect(check(settingsOf(scheme, ['the one before', 'the next one']), call(signed))).toBe(false);
  });

  it.each(names)('refuses a call without %s, and with an empty, long or strange one', (name) => {
    const { [name as keyof typeof signed]: _gone, ...without } = signed as Record<string, string>;
    expect(check(settingsOf(scheme), call(without))).toBe(false);
    for (const odd of [
      '',
      ' ',
      '👋',
      'x'.repeat(100_000),
      'sha256=',
      'v0=',
      'v1,',
      't=,v1=',
      'Bearer ',
      'Basic ==',
    ])
      expect(check(settingsOf(scheme), call({ ...without, [name]: odd }))).toBe(false);
  });
});

const overBody = schemes.filter((scheme) => !['gitlab', 'token', 'basic'].includes(scheme));
it.each(overBody)('%s covers every byte of the body', (scheme) => {
  const signed = signWebhook[scheme](body, secret, nowMs);
  for (const changed of [
    JSON.stringify(JSON.parse(body)),
    body.replace('é', 'é'.normalize('NFD')),
    `${body} `,
    '',
  ])
    expect(check(settingsOf(scheme), call(signed, changed))).toBe(false);
});

it.each(['stripe', 'slack', 'standard'] as const)(
  '%s refuses what is old and what comes from the future',
  (scheme) => {
    const of = (offset: number) => call(signWebhook[scheme](body, secret, nowMs + offset));
    for (const offset of [-299_000, 299_000]) expect(check(settingsOf(scheme), of(offset))).toBe(true);
    for (const offset of [-301_000, 301_000]) expect(check(settingsOf(scheme), of(offset))).toBe(false);
    expect(check({ ...settingsOf(scheme), tolerance: '10m' }, of(-301_000))).toBe(true);
    expect(check({ ...settingsOf(scheme), tolerance: '1s' }, of(-10_000))).toBe(false);
  },
);

it.each([
  ['github', 'x-hub-signature-256'],
  ['shopify', 'x-shopify-hmac-sha256'],
  ['slack', 'x-slack-signature'],
  ['gitlab', 'x-gitlab-token'],
  ['standard', 'webhook-signature'],
] as const)('%s takes a signature as a whole only', (scheme, name) => {
  const signed: Record<string, string> = signWebhook[scheme](body, secret, nowMs);
  const signature = signed[name] ?? '';
  for (const odd of [`${signature}0`, `${signature}=`, `${signature}\n`, signature.slice(0, -2)])
    expect(check(settingsOf(scheme), call({ ...signed, [name]: odd })), odd).toBe(false);
});

it('takes hexadecimal signatures in capitals too', () => {
  const { 'x-hub-signature-256': signature } = signWebhook.github(body, secret);
  const upper = `sha256=${signature.slice(7).toUpperCase()}`;
  expect(check(settingsOf('github'), call({ 'x-hub-signature-256': upper }))).toBe(true);
  expect(check(settingsOf('github'), call({ 'x-hub-signature-256': signature.slice(0, -2) }))).toBe(false);
});

describe('Standard Webhooks', () => {
  it('verify the published example', () => {
    const published = '{"test": 2432232314}';
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    const settings = settingsOf('standard', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    expect(check(settings, call(headers, published), 1_614_265_330_000)).toBe(true);
    const svix = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.replace('webhook', 'svix'), value]),
    );
    expect(check(settings, call(svix, published), 1_614_265_330_000)).toBe(true);
    const otherId = { ...headers, 'webhook-id': 'msg_other' };
    expect(check(settings, call(otherId, published), 1_614_265_330_000)).toBe(false);
  });

  it('verify signatures of a key pair', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const other = generateKeyPairSync('ed25519');
    const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64');
    const settings = settingsOf('standard', `whpk_${raw}`);
    expect(check(settings, call(signStandardWith(privateKey, body, nowMs)))).toBe(true);
    expect(check(settings, call(signStandardWith(other.privateKey, body, nowMs)))).toBe(false);
    expect(check(settings, call(signWebhook.standard(body, `whpk_${raw}`, nowMs)))).toBe(false);
  });

  it('want secrets that cannot be guessed', () => {
    for (const weak of ['whsec_dGVzdA==', 'short-one', 'whpk_dGVzdA=='])
      expect(signatureFault(signatureOf(settingsOf('standard', weak)))).toContain('expected');
    expect(signatureFault(signatureOf(settingsOf('standard')))).toBeUndefined();
  });
});

describe('an HMAC of any form', () => {
  const settings = {
    scheme: 'hmac',
    secret,
    header: 'X-Signature',
    algorithm: 'sha512',
    encoding: 'base64',
    prefix: 'v2:',
    timestampHeader: 'X-Time',
    template: '{timestamp}/{header:X-Id}/{body}',
  };
  const headersAt = (stamp: string) => ({
    'x-id': '7',
    'x-time': stamp,
    'x-signature': `v2:${createHmac('sha512', secret).update(`${stamp}/7/${body}`).digest('base64')}`,
  });

  it('is made over the template, in time, with its prefix', () => {
    const good = headersAt(String(nowMs));
    expect(check(settings, call(good))).toBe(true);
    expect(check(settings, call(headersAt(String(nowMs / 1000))))).toBe(true);
    for (const bad of [
      { ...good, 'x-id': '8' },
      { ...good, 'x-time': String(nowMs + 1) },
      { ...good, 'x-signature': good['x-signature'].slice(3) },
      headersAt(String(nowMs - 301_000)),
      headersAt(String(nowMs + 301_000)),
      headersAt('now'),
    ])
      expect(check(settings, call(bad))).toBe(false);
  });

  it('has to cover the body, and a time only if that is signed', () => {
    expect(() => signatureOf({ ...settings, template: '{timestamp}' })).toThrow('body');
    expect(() => signatureOf({ ...settings, template: '{body}' })).toThrow('timestamp');
    expect(() => signatureOf({ ...settings, timestampHeader: undefined })).toThrow('timestamp');
  });
});

it('lets everything in only where that is said', () => {
  expect(check({ scheme: 'none' }, call({}))).toBe(true);
  expect(() => signatureOf({})).toThrow();
  expect(() =>
    channelDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Channel',
      metadata: { name: 'hook' },
      spec: { platform: 'webhook', agent: 'a' },
    }),
  ).toThrow('signature');
});

it('takes a token from a header of its own', () => {
  const settings = { ...settingsOf('token'), header: 'X-Hook-Token' };
  expect(check(settings, call({ 'x-hook-token': secret }))).toBe(true);
  expect(check(settings, call({ 'x-hook-token': `${secret}x` }))).toBe(false);
  expect(check(settings, call({ authorization: `Bearer ${secret}` }))).toBe(false);
});
