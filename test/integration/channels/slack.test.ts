import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/index.ts';
import type { ChannelHub, ChannelHubDeps } from '../../../src/entrypoints/channels/index.ts';
import { approvalSpec, channelDefinition } from '../../../src/protocol/index.ts';
import { FakeSlack, signedSlackHeaders } from '../../../src/testing/channels.ts';
import { breakable, startChannelGround, type ChannelGround } from './channel-ground.ts';

let ground: ChannelGround;
let slack: FakeSlack;

beforeEach(async () => {
  ground = await startChannelGround();
  slack = await FakeSlack.start();
  slack.retryDelaysMs = [0, 20, 50];
  slack.ackTimeoutMs = 2000;
});
afterEach(async () => {
  await ground.close();
  await slack.stop();
});

const define = (spec: object = {}) =>
  channelDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Channel',
    metadata: { name: 'slack' },
    spec: {
      platform: 'slack',
      agent: 'echo',
      account: 'T1',
      botToken: slack.botToken,
      signingSecret: slack.signingSecret,
      apiBase: slack.apiBase,
      access: { groups: 'open' },
      ...spec,
    },
  });

/** A hub with its webhooks behind a port, and a Slack that calls them. */
async function startEvents(spec: object = {}, deps: Partial<ChannelHubDeps> = {}): Promise<ChannelHub> {
  const hub = await ground.startHub([define(spec)], deps);
  slack.eventsUrl = await ground.openEndpoint(hub, 'slack');
  return hub;
}

describe('Slack by the Events API', () => {
  it('answers a mention in its thread, once although it comes as two events', async () => {
    await startEvents();
    const ts = await slack.userSays({ channel: 'C1', text: 'hello 👋', mention: true });
    const [answer] = await slack.waitForMessages(1);
    expect(answer).toMatchObject({ channel: 'C1', threadTs: ts, text: 'echo: user U7: hello 👋' });
    await ground.untilSettled();
    expect(slack.deliveries.map((delivery) => delivery.status)).toEqual([200, 200]);
    expect(await ground.count('runs')).toBe(1);
    expect(ground.executor.inputs[0]?.principal).toBe('slack:T1:U7');
  });

  it('keeps one conversation for each thread', async () => {
    await startEvents();
    const ts = await slack.userSays({ channel: 'C1', text: 'one', mention: true });
    await slack.waitForMessages(1);
    await slack.userSays({ channel: 'C1', text: 'two', mention: true, threadTs: ts });
    await slack.waitForMessages(2);
    await slack.userSays({ channel: 'C1', text: 'three', mention: true });
    await slack.waitForMessages(3);
    const [first, second, third] = ground.executor.inputs.map((input) => input.sessionId);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it('says nothing to what is not meant for it, to itself and to other bots', async () => {
    await startEvents();
    await slack.userSays({ channel: 'C1', text: 'among ourselves' });
    await slack.userSays({ channel: 'D1', user: slack.botUserId, text: 'my own words' });
    await slack.userSays({
      channel: 'D1',
      text: 'beep',
      extra: { bot_id: 'BOTHER', subtype: 'bot_message' },
    });
    await slack.userSays({ channel: 'D1', text: 'edited', extra: { subtype: 'message_changed' } });
    await slack.userSays({ channel: 'D1', text: 'hello' });
    await slack.waitForMessages(1);
    await ground.untilSettled();
    expect(await ground.count('runs')).toBe(1);
  });

  it('answers once what Slack repeats, and also what it repeats after it could not be stored', async () => {
    const runs = breakable(ground.runs);
    await startEvents({}, { runs });
    runs.broken = true;
    const said = slack.userSays({ channel: 'D1', text: 'patience' });
    await slack.waitUntil(() => slack.deliveries.length >= 2, 'two refused deliveries');
    runs.broken = false;
    const ts = await said;
    await slack.waitForMessages(1);
    expect(slack.deliveries.map((delivery) => delivery.status)).toEqual([503, 503, 200]);
    // The same message again: by its id, by another event id, with a retry header.
    for (const eventId of ['EvX', 'EvX', 'EvY']) {
      const event = { type: 'message', channel: 'D1', channel_type: 'im', user: 'U7', text: 'patience', ts };
      await slack.sendEvent(event, eventId);
    }
    await slack.userSays({ channel: 'D1', text: 'next' });
    await slack.waitForMessages(2);
    expect(slack.messages.map((message) => message.text)).toEqual(['echo: patience', 'echo: next']);
    expect(await ground.count('runs')).toBe(2);
  });

  it('lets nobody in without a fresh signature, and answers the check of its address', async () => {
    const hub = await startEvents();
    const call = (body: string, headers: Record<string, string>) =>
      hub.handleWebhook('slack', 'slack', { method: 'POST', headers, query: {}, body: Buffer.from(body) });
    const secret = slack.signingSecret;
    const now = systemClock.now();
    const check = JSON.stringify({ type: 'url_verification', challenge: 'abc', token: 'x' });
    expect(await call(check, signedSlackHeaders(secret, check, { nowMs: now }))).toMatchObject({
      status: 200,
      body: 'abc',
    });
    expect(await call(check, {})).toEqual({ status: 401 });
    for (const nowMs of [now - 310_000, now + 310_000]) {
      expect(await call(check, signedSlackHeaders(secret, check, { nowMs }))).toEqual({ status: 401 });
    }
    expect(await call(check, signedSlackHeaders('wrong', check, { nowMs: now }))).toEqual({ status: 401 });
    expect(await call('{', signedSlackHeaders(secret, '{', { nowMs: now }))).toEqual({ status: 400 });
    expect(await ground.count('runs')).toBe(0);
  });

  it('goes on behind the last accepted message after a stop between two chunks', async () => {
    const parts = ['a', 'b', 'c'].map((letter) => letter.repeat(3800));
    ground.executor.answer = () => Promise.resolve(parts.join('\n\n'));
    const first = await startEvents({}, { clock: systemClock });
    slack.failNext(
      'chat.postMessage',
      { kind: 'slow', delayMs: 0 },
      { kind: 'error', error: 'service_unavailable', status: 503 },
    );
    const ts = await slack.userSays({ channel: 'C1', text: 'go', mention: true });
    await slack.waitUntil(() => slack.callsOf('chat.postMessage').length === 2, 'two sends');
    await first.stop();
    expect(await ground.outbox()).toMatchObject([{ status: 'sending', cursor: 1 }]);
    await startEvents();
    await slack.waitForMessages(3);
    await ground.untilSettled();
    expect(slack.messages.map((message) => message.text)).toEqual(parts);
    expect(slack.messages.every((message) => message.threadTs === ts)).toBe(true);
    expect(await ground.outbox()).toMatchObject([{ status: 'sent', cursor: 3 }]);
  });

  it('posts once where Slack knows the message although its confirmation was lost', async () => {
    await startEvents();
    slack.failNext('chat.postMessage', { kind: 'cut-after' });
    await slack.userSays({ channel: 'D1', text: 'once' });
    await slack.waitUntil(() => slack.callsOf('chat.postMessage').length === 2, 'a second try');
    await ground.untilSettled();
    expect(slack.messages.map((message) => message.text)).toEqual(['echo: once']);
    expect(await ground.outbox()).toMatchObject([{ status: 'sent', platform_ids: [slack.messages[0]?.ts] }]);
  });

  it('waits as long as Slack asks, and puts what can never arrive on the dead-letter desk', async () => {
    await startEvents();
    slack.failNext(
      'chat.postMessage',
      { kind: 'rate-limit', retryAfterSeconds: 1 },
      { kind: 'error', error: 'channel_not_found' },
    );
    await slack.userSays({ channel: 'D1', text: 'lost' });
    await expect.poll(async () => (await ground.outbox())[0]?.status, { timeout: 10_000 }).toBe('failed');
    await slack.userSays({ channel: 'D1', text: 'found' });
    expect((await slack.waitForMessages(1))[0]?.text).toBe('echo: found');
  });

  it('obeys commands, by slash and by mention', async () => {
    await startEvents();
    expect((await slack.userCommands({ channel: 'D1', text: 'help' })).status).toBe(200);
    expect((await slack.waitForMessages(1))[0]?.text).toContain('/new');
    await slack.userSays({ channel: 'C1', text: '/help', mention: true });
    expect((await slack.waitForMessages(2))[1]?.text).toContain('/new');
    const { body } = await slack.userCommands({ channel: 'C1', text: 'what now?' });
    expect(JSON.parse(body)).toEqual({ response_type: 'in_channel' });
    expect((await slack.waitForMessages(3))[2]).toMatchObject({ channel: 'C1', threadTs: undefined });
    expect(await ground.count('runs')).toBe(1);
  });

  it('asks by buttons and hears who presses them', async () => {
    await startEvents({ access: { groups: 'open', approvers: ['U8'] } });
    ground.executor.answer = async (_message, context) => {
      const subject = { action: 'deploy', arguments: { to: 'production' } };
      const rules = approvalSpec.parse({});
      const request = {
        kind: 'approval',
        title: 'Deploy?',
        message: '',
        subject,
        answerSchema: null,
        rules,
      } as const;
      return `it was ${(await context.approve('ask', request)).status}`;
    };
    await slack.userSays({ channel: 'C1', text: 'deploy', mention: true });
    const [question] = await slack.waitForMessages(1);
    expect(question?.buttons.map((button) => button.text)).toEqual(['Approve', 'Reject']);
    if (question === undefined) throw new Error('no question');
    await slack.userPresses(question, 'Approve', 'U9');
    await slack.userPresses(question, 'Approve', 'U8');
    const answer = 'it was approved';
    await slack.waitUntil(() => slack.messages.some((message) => message.text === answer), 'the answer');
    expect(slack.messages.every((message) => message.threadTs === question.threadTs)).toBe(true);
  });
});

describe('Slack by Socket Mode', () => {
  it('answers, and hands over to another process that stood by', async () => {
    const socket = { mode: 'socket', appToken: slack.appToken, signingSecret: undefined };
    const first = await ground.startHub([define(socket)]);
    await slack.waitUntil(() => slack.connections === 1, 'a session');
    const second = await ground.startHub([define(socket)]);
    await expect.poll(() => second.list()[0]?.status).toBe('standby');
    await slack.userSays({ channel: 'C1', text: 'one', mention: true });
    expect((await slack.waitForMessages(1))[0]?.text).toBe('echo: user U7: one');
    await first.stop();
    await slack.waitUntil(() => slack.connections === 1, 'the session of the other process');
    await slack.userSays({ channel: 'C1', text: 'two', mention: true });
    await slack.waitForMessages(2);
    expect(second.list()[0]).toMatchObject({ status: 'up' });
    expect(await ground.count('runs')).toBe(2);
  });
});
