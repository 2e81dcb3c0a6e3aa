import { expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../base/index.ts';
import { createExpressions } from '../../../engine/expressions/index.ts';
import { channelDefinition, type WebhookChannelSpec } from '../../../protocol/index.ts';
import type { RawWebhook } from '../channel-adapter.ts';
import { decodeCall } from './decode-call.ts';
import { createCallMapping } from './map-call.ts';

const expressions = await createExpressions();

function specOf(more: object): WebhookChannelSpec {
  const { spec } = channelDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Channel',
    metadata: { name: 'hook' },
    spec: { platform: 'webhook', agent: 'a', signature: { scheme: 'none' }, ...more },
  });
  if (spec.platform !== 'webhook') throw new Error('no webhook');
  return spec;
}

const callOf = (body: Json, headers: Readonly<Record<string, string>> = {}) => ({
  body,
  headers,
  query: { source: 'q' },
  digest: 'digest',
});
const map = (more: object, body: Json, headers?: Readonly<Record<string, string>>) =>
  createCallMapping(specOf(more), () => expressions)(callOf(body, headers));

const issue: JsonObject = {
  action: 'opened',
  issue: { number: 7, title: 'It breaks', 'html-url': 'https://x.example', labels: [{ name: 'bug' }] },
  sender: { id: 42, login: 'ada' },
  thread: 't-1',
  reply_to: 'https://hooks.example.com/r',
};
const whole = {
  message: {
    text: '#{{ body.issue.number }} {{ body.issue.title }}',
    userId: 'body.sender.id',
    userName: '$.sender["login"]',
    conversationId: '/thread',
    messageId: 'headers.X-Id',
    event: "body.issue.labels[0]['name']",
    require: ['text', 'userId', 'conversationId'],
  },
  when: 'body.action == "opened"',
  inputs: { issue: '{{ body.issue }}', from: '{{ query.source }}' },
  publish: 'external.tracker.{{ event }}',
  reply: { urlFrom: 'body.reply_to', hosts: ['hooks.example.com'] },
};

it('finds each field where the definition says', () => {
  expect(map(whole, issue, { 'x-id': 'm1' })).toEqual({
    mapped: {
      text: '#7 It breaks',
      userId: '42',
      userName: 'ada',
      conversationId: 't-1',
      messageId: 'm1',
      event: 'bug',
      inputs: { issue: issue['issue'], from: 'q' },
      replyUrl: 'https://hooks.example.com/r',
      publish: 'external.tracker.bug',
    },
  });
});

/** The value with what is at one path changed, for every path there is. */
function* variantsOf(
  value: Json,
  odd: (inner: Json) => readonly (Json | undefined)[],
): Generator<Json | undefined> {
  yield* odd(value);
  if (Array.isArray(value)) {
    for (const [index, inner] of (value as readonly Json[]).entries())
      for (const variant of variantsOf(inner, odd)) yield (value as Json[]).with(index, variant ?? null);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value as JsonObject))
      for (const variant of variantsOf(inner ?? null, odd))
        yield { ...(value as JsonObject), [key]: variant };
  }
}

it('reads, ignores or refuses whatever is missing, null, huge or of another kind, and never throws', () => {
  const odd = (): readonly (Json | undefined)[] => [
    undefined,
    null,
    '',
    7,
    true,
    [],
    {},
    [[]],
    'x'.repeat(300),
    '{{ 1/0 }} {% raise %}',
    { __proto__: null, constructor: { prototype: 1 } },
  ];
  const mapCall = createCallMapping(specOf(whole), () => expressions);
  const outcomes = new Set<string>();
  for (const body of variantsOf(issue, odd)) {
    const mapping = mapCall(callOf(JSON.parse(JSON.stringify(body ?? null)) as Json));
    const [outcome = '', reason] = Object.entries(mapping)[0] ?? [];
    outcomes.add(outcome);
    if (outcome === 'mapped') {
      const { text, messageId, userId = '' } = reason as { text: string; messageId: string; userId?: string };
      expect(text.trim()).not.toBe('');
      expect(messageId).toBe('digest');
      expect(userId.length).toBeLessThanOrEqual(200);
    } else expect(reason).toMatch(/.{10}/);
  }
  expect([...outcomes].toSorted()).toEqual(['ignored', 'mapped', 'missing']);
});

it('says what is missing and where it was looked for', () => {
  const without = (key: string) => Object.fromEntries(Object.entries(issue).filter(([name]) => name !== key));
  expect(map(whole, without('thread'))).toEqual({ missing: 'message.conversationId: nothing is at /thread' });
  expect(map(whole, without('issue'))).toMatchObject({
    missing: expect.stringMatching(/^message\.text: .*body\.issue/),
  });
  expect(map(whole, without('action'))).toMatchObject({ ignored: expect.stringMatching(/^when: .*action/) });
  expect(map(whole, { ...issue, reply_to: 'https://evil.example' })).toMatchObject({
    missing: expect.stringContaining('evil.example'),
  });
  expect(map(whole, { ...issue, reply_to: 'https://hooks.example.com.evil.example' })).toMatchObject({
    missing: expect.stringContaining('evil.example'),
  });
});

it('knows where services put their ids and kinds', () => {
  const of = (signature: object, body: Json, headers: Readonly<Record<string, string>>) => {
    const mapping = map({ signature }, body, headers);
    if (!('mapped' in mapping)) throw new Error('not mapped');
    return [mapping.mapped.messageId, mapping.mapped.event];
  };
  const secret = 'a-secret-of-24-characters';
  expect(
    of({ scheme: 'github', secret }, {}, { 'x-github-delivery': 'd', 'x-github-event': 'push' }),
  ).toEqual(['d', 'push']);
  expect(of({ scheme: 'stripe', secret }, { id: 'evt_1', type: 'paid' }, {})).toEqual(['evt_1', 'paid']);
  expect(of({ scheme: 'standard', secret }, { type: 'a.b' }, { 'webhook-id': 'msg' })).toEqual([
    'msg',
    'a.b',
  ]);
  expect(of({ scheme: 'gitlab', secret }, { object_kind: 'push' }, {})).toEqual(['digest', 'push']);
  expect(of({ scheme: 'none' }, {}, {})).toEqual(['digest', undefined]);
});

it('takes the usual field as the text, else the whole body', () => {
  const textOf = (body: Json) => {
    const mapping = map({}, body);
    return 'mapped' in mapping ? mapping.mapped.text : mapping;
  };
  expect(textOf({ text: 'a', message: 'b' })).toBe('a');
  expect(textOf({ content: 'c', message: { text: 'no' } })).toBe('c');
  expect(textOf({ a: 1 })).toBe('{"a":1}');
  expect(textOf('plain')).toBe('plain');
  expect(textOf([1])).toBe('[1]');
});

it('never evaluates what a sender writes', () => {
  const mapping = map({ message: { text: 'body.text' } }, { text: '{{ 7 * 7 }} ${HOME}' });
  expect(mapping).toMatchObject({ mapped: { text: '{{ 7 * 7 }} ${HOME}' } });
  const rendered = map({ message: { text: 'said: {{ body.text }}' } }, { text: '{{ 7 * 7 }}' });
  expect(rendered).toMatchObject({ mapped: { text: 'said: {{ 7 * 7 }}' } });
  expect(map({ message: { text: 'body.constructor.name' } }, {})).toHaveProperty('missing');
});

it('refuses a field that is neither a path nor a template', () => {
  for (const text of ['title', 'body..a', 'body[x]', 'bodyguard', '$.a['])
    expect(() => createCallMapping(specOf({ message: { text } }), () => expressions)).toThrow(
      'spec.message.text',
    );
});

const raw = (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): RawWebhook => ({
  method: 'POST',
  headers,
  query: {},
  body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
});
const json = { 'content-type': 'application/json; charset=utf-8' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

it('reads JSON, forms and text, and keeps secrets and what no database takes out', () => {
  expect(decodeCall(raw('{"a":"x\\u0000y\\ud83d"}', json), [])?.body).toEqual({ a: 'x\ufffdy\ufffd' });
  expect(decodeCall(raw('a=1&b=%F0%9F%91%8B', form), [])?.body).toEqual({ a: '1', b: '👋' });
  expect(decodeCall(raw('payload=%7B%22a%22%3A1%7D', form), [])?.body).toEqual({ a: 1 });
  expect(decodeCall(raw('hello', { 'content-type': 'text/plain' }), [])?.body).toBe('hello');
  expect(decodeCall(raw('{"a":1}'), [])?.body).toEqual({ a: 1 });
  const call = decodeCall(raw('{}', { ...json, authorization: 'Bearer x', 'x-event': 'e' }), [
    'authorization',
  ]);
  expect(call?.headers).toEqual({ ...json, 'x-event': 'e' });
});

it('does not read what is no JSON, no text, or nested without end', () => {
  for (const bad of [
    raw('{', json),
    raw('', json),
    raw(new Uint8Array([0xff]), json),
    raw('x', { 'content-type': 'multipart/form-data' }),
  ])
    expect(decodeCall(bad, [])).toBeUndefined();
  expect(decodeCall(raw('['.repeat(100_000) + ']'.repeat(100_000), json), [])).toBeUndefined();
});
