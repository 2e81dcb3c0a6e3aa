import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../src/base/index.ts';
import { approvalSpec, defaultTenant } from '../../../src/protocol/index.ts';
import { breakable, hastyClock } from './channel-ground.ts';
import { startWhatsAppGround, type WhatsAppGround } from './whatsapp-ground.ts';

let ground: WhatsAppGround;

beforeEach(async () => {
  ground = await startWhatsAppGround();
});
afterEach(() => ground.close());

const scoped = 'DE.13491208655302741918';
const settled = () =>
  expect.poll(async () => (await ground.outbox()).map((row) => row.status), { timeout: 20_000 });

describe('WhatsApp', () => {
  it('checks its address, takes a message in and answers it once', async () => {
    const { whatsapp } = ground;
    await ground.startWhatsApp();
    const url = whatsapp.webhookUrl ?? '';
    expect(await whatsapp.verifyAddress(url)).toEqual({ status: 200, body: '1158201444' });
    expect((await whatsapp.verifyAddress(url, 'another word')).status).toBe(403);
    expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(401);
    const id = await whatsapp.userSays({ text: 'hello 👋' });
    const [answer] = await whatsapp.waitForMessages(1);
    expect(answer).toMatchObject({
      to: scoped,
      addressedBy: 'recipient',
      text: 'echo: hello 👋',
      quotes: undefined,
    });
    for (let time = 0; time < 3; time += 1) await whatsapp.userSays({ id, text: 'hello 👋' });
    await whatsapp.userSays({ text: 'next' });
    await whatsapp.waitForMessages(2);
    await settled().toEqual(['sent', 'sent']);
    expect(whatsapp.messages.map((message) => message.text)).toEqual(['echo: hello 👋', 'echo: next']);
    expect(await ground.count('runs')).toBe(2);
    expect(whatsapp.read).toContain(id);
    expect(await ground.outbox()).toMatchObject([{ platform_ids: [answer?.id] }, {}]);
    expect(ground.executor.inputs[0]?.principal).toBe(`whatsapp:${whatsapp.phoneNumberId}:${scoped}`);
  });

  it('takes every message of one call in, and each person’s in their order', async () => {
    const { whatsapp } = ground;
    await ground.startWhatsApp();
    const people = ['DE.1', 'DE.2', 'DE.3'];
    const said = ['one', 'two', 'three'].flatMap((text) =>
      people.map((userId) => ({ userId, phone: null, text })),
    );
    await whatsapp.usersSay(said);
    expect(whatsapp.deliveries).toEqual([{ attempt: 0, status: 200 }]);
    expect(await ground.count('runs')).toBe(9);
    await whatsapp.waitForMessages(9, 30_000);
    for (const person of people) {
      const answers = whatsapp.messages
        .filter((message) => message.to === person)
        .map((message) => message.text);
      expect(answers).toEqual(['echo: one', 'echo: two', 'echo: three']);
    }
  });

  it('answers once what could not be stored at first and came again', async () => {
    const { whatsapp } = ground;
    const runs = breakable(ground.runs);
    await ground.startWhatsApp({}, { runs });
    runs.broken = true;
    const said = whatsapp.usersSay([
      { userId: 'DE.1', phone: null, text: 'a' },
      { userId: 'DE.2', phone: null, text: 'b' },
    ]);
    await whatsapp.waitUntil(() => whatsapp.deliveries.length >= 2, 'two refused deliveries');
    runs.broken = false;
    await said;
    await whatsapp.waitForMessages(2);
    await ground.untilSettled();
    expect(whatsapp.deliveries.at(-1)?.status).toBe(200);
    expect(whatsapp.deliveries.slice(0, -1).every((delivery) => delivery.status === 503)).toBe(true);
    expect(whatsapp.messages.map((message) => message.text).toSorted()).toEqual(['echo: a', 'echo: b']);
    expect(await ground.count('runs')).toBe(2);
  });

  it('gets an answer through troubles of the platform', async () => {
    const { whatsapp } = ground;
    await ground.startWhatsApp();
    whatsapp.failNext(
      'send',
      { kind: 'error', code: 131_016, status: 503 },
      { kind: 'error', status: 502 },
      { kind: 'error', code: 130_429 },
      { kind: 'cut-before' },
    );
    await whatsapp.userSays({ text: 'patience' });
    await whatsapp.waitForMessages(1, 30_000);
    await settled().toEqual(['sent']);
    expect(whatsapp.messages.map((message) => message.text)).toEqual(['echo: patience']);
  });

  it('waits for one person who gets too many messages, while others go on', async () => {
    const { whatsapp } = ground;
    await ground.startWhatsApp({}, { clock: systemClock });
    whatsapp.failNext('send', { kind: 'error', code: 131_056, retryAfterSeconds: 3 });
    await whatsapp.userSays({ userId: 'DE.1', phone: null, text: 'eager' });
    await whatsapp.waitUntil(() => whatsapp.callsOf('send').length === 1, 'a refused send');
    await whatsapp.userSays({ userId: 'DE.2', phone: null, text: 'calm' });
    await whatsapp.waitForMessages(2, 30_000);
    expect(whatsapp.messages.map((message) => message.text)).toEqual(['echo: calm', 'echo: eager']);
    expect(await ground.metrics.registry.metrics()).toMatch(
      /channel_messages_total\{channel="whatsapp",direction="out",status="rate_limited"[^}]*\} 1/,
    );
  });

  it('goes on behind the last accepted message after a stop between two chunks', async () => {
    const { whatsapp } = ground;
    const parts = ['a', 'b', 'c'].map((letter) => letter.repeat(4000));
    ground.executor.answer = () => Promise.resolve(parts.join('\n\n'));
    const first = await ground.startWhatsApp({}, { clock: systemClock });
    whatsapp.failNext('send', { kind: 'slow', delayMs: 0 }, { kind: 'error', code: 131_016, status: 503 });
    await whatsapp.userSays({ text: 'go' });
    await whatsapp.waitUntil(() => whatsapp.callsOf('send').length === 2, 'two sends');
    await first.stop();
    expect(await ground.outbox()).toMatchObject([{ status: 'sending', cursor: 1 }]);
    await ground.startWhatsApp();
    await whatsapp.waitForMessages(3);
    await settled().toEqual(['sent']);
    expect(whatsapp.messages.map((message) => message.text)).toEqual(parts);
  });

  it('answers politely what it cannot read, and is silent where an answer would start a circle', async () => {
    const { whatsapp } = ground;
    await ground.startWhatsApp();
    await whatsapp.userSays({ extra: { type: 'unsupported', errors: [{ code: 131_051 }] } });
    await whatsapp.userSays({
      extra: { type: 'audio', audio: { id: '7', mime_type: 'audio/ogg', voice: true } },
    });
    await whatsapp.waitForMessages(1);
    await whatsapp.userSays({
      extra: { type: 'image', image: { id: '8', mime_type: 'image/png', caption: 'what is this?' } },
    });
    await whatsapp.waitForMessages(2);
    expect(whatsapp.messages[0]?.text).toMatch(/cannot listen/);
    expect(whatsapp.messages[1]?.text).toMatch(/^echo: what is this\?\n\[image attached/);
    expect(await ground.count('runs')).toBe(1);
  });

  it('asks by buttons and hears an approver who is named by number', async () => {
    const { whatsapp } = ground;
    await ground.startWhatsApp({ access: { approvers: ['4922222'] } });
    ground.executor.answer = async (_message, context) => {
      const subject = { action: 'deploy', arguments: { to: 'production' } };
      const request = {
        kind: 'approval',
        title: 'Deploy?',
        message: '',
        subject,
        answerSchema: null,
      } as const;
      return `it was ${(await context.approve('ask', { ...request, rules: approvalSpec.parse({}) })).status}`;
    };
    await whatsapp.userSays({ text: 'deploy' });
    const [question] = await whatsapp.waitForMessages(1);
    if (question === undefined) throw new Error('no question');
    expect(question.buttons.map((button) => button.title)).toEqual(['Approve', 'Reject']);
    await whatsapp.userPresses(question, 'Approve', { userId: 'DE.9', phone: '4999999' });
    await whatsapp.userPresses(question, 'Approve', { userId: 'DE.2', phone: '4922222' });
    const answer = 'it was approved';
    await whatsapp.waitUntil(
      () => whatsapp.messages.some((message) => message.text === answer),
      'the answer',
    );
    expect(whatsapp.messages.find((message) => message.text === answer)?.to).toBe(scoped);
    expect(whatsapp.messages.find((message) => message.to === 'DE.9')?.text).toContain('I know nothing');
  });
});

describe('people in WhatsApp', () => {
  const sessions = () => ground.executor.inputs.map((input) => input.sessionId);

  it('have one conversation by either id, with a hidden number, and after a change of it', async () => {
    const { whatsapp } = ground;
    await ground.startWhatsApp();
    await whatsapp.userSays({ userId: null, phone: '4911111', text: 'before there were such ids' });
    await whatsapp.userSays({ userId: 'DE.1', phone: '4911111', text: 'both' });
    await whatsapp.userSays({ userId: 'DE.1', phone: null, text: 'hidden' });
    const system = {
      type: 'user_changed_number',
      wa_id: '4922222',
      user_id: 'DE.2',
      previous_user_id: 'DE.1',
    };
    await whatsapp.userSays({ userId: null, phone: '4911111', extra: { type: 'system', system } });
    await whatsapp.userSays({ userId: 'DE.2', phone: '4922222', text: 'moved' });
    await whatsapp.waitForMessages(4);
    await whatsapp.userSays({ userId: 'DE.7', phone: '4911111', text: 'I have the old number now' });
    await whatsapp.waitForMessages(5);
    expect(whatsapp.messages.map((message) => message.to)).toEqual([
      '4911111',
      'DE.1',
      'DE.1',
      'DE.2',
      'DE.7',
    ]);
    expect(new Set(sessions().slice(0, 4)).size).toBe(1);
    expect(sessions()[4]).not.toBe(sessions()[0]);
  });

  it('are let in by a list of numbers or ids, and nobody else is', async () => {
    const { whatsapp } = ground;
    await ground.startWhatsApp({ access: { dm: 'allowlist', users: ['4911111', 'DE.2'] } });
    await whatsapp.userSays({ userId: 'DE.9', phone: '4999999', text: 'stranger' });
    await whatsapp.userSays({ userId: 'DE.1', phone: '4911111', text: 'by number' });
    await whatsapp.userSays({ userId: 'DE.1', phone: null, text: 'by number, hidden now' });
    await whatsapp.userSays({ userId: 'DE.2', phone: null, text: 'by id' });
    await whatsapp.waitForMessages(3);
    await ground.untilSettled();
    expect(whatsapp.messages.map((message) => message.to).toSorted()).toEqual(['DE.1', 'DE.1', 'DE.2']);
  });

  it('are paired by a code for their number, and stay so without it', async () => {
    const { whatsapp } = ground;
    const hub = await ground.startWhatsApp({ access: { dm: 'pairing' } });
    const user = { tenant: defaultTenant, platform: 'whatsapp', accountId: whatsapp.phoneNumberId };
    const code = await hub.pairing.generateCode({ ...user, userId: '4911111', channel: 'whatsapp' });
    await whatsapp.userSays({ userId: 'DE.9', phone: '4999999', text: `/pair ${code}` });
    await whatsapp.waitForMessages(1);
    await whatsapp.userSays({ userId: 'DE.1', phone: '4911111', text: `/pair ${code}` });
    await whatsapp.waitForMessages(2);
    expect(whatsapp.messages.map((message) => message.text)).toEqual([
      expect.stringContaining('not right'),
      expect.stringContaining('Done'),
    ]);
    await whatsapp.userSays({ userId: 'DE.1', phone: null, text: 'hello' });
    await whatsapp.waitForMessages(3);
    expect(whatsapp.messages[2]?.text).toBe('echo: hello');
  });
});

describe('what WhatsApp says later of a message', () => {
  const letters = () =>
    ground.storage.db.selectFrom('dead_letters').select(['kind', 'reason', 'ref_id']).execute();

  it('is counted once, in its order of rank', async () => {
    const { whatsapp } = ground;
    await ground.startWhatsApp();
    await whatsapp.userSays({ text: 'hello' });
    const [answer] = await whatsapp.waitForMessages(1);
    if (answer === undefined) throw new Error('no answer');
    await settled().toEqual(['sent']);
    for (const status of ['delivered', 'sent', 'read', 'delivered', 'read'])
      await whatsapp.reportStatus(answer, status);
    const text = await ground.metrics.registry.metrics();
    expect(
      text
        .match(/channel_receipts_total\{[^}]*\} \d+/g)
        ?.map((line) => line.replaceAll(/.*status="(\w+)".* /g, '$1 ')),
    ).toEqual(['delivered 1', 'read 1']);
    expect(await ground.outbox()).toMatchObject([{ status: 'sent', last_error: null }]);
  });

  it('makes an accepted answer a failed one, with a letter, from which it is sent again', async () => {
    const { whatsapp } = ground;
    whatsapp.closedWindows.set(scoped, 'fails-later');
    await ground.startWhatsApp();
    await whatsapp.userSays({ text: 'too late' });
    await settled().toEqual(['failed']);
    expect((await ground.outbox())[0]?.last_error).toContain('131047');
    expect(await letters()).toMatchObject([
      { kind: 'delivery', reason: expect.stringContaining('older than 24 hours') },
    ]);
    expect(await ground.outbox()).toMatchObject([{ cursor: 0 }]);
    expect(whatsapp.messages).toEqual([]);
  });

  it('sends the answer again as a template where there is one, once', async () => {
    const { whatsapp } = ground;
    whatsapp.closedWindows.set(scoped, 'fails-later');
    await ground.startWhatsApp({ template: { name: 'answer_is_ready', language: 'en' } });
    ground.executor.answer = () => Promise.resolve('first line\n\nsecond line');
    await whatsapp.userSays({ text: 'too late' });
    const [answer] = await whatsapp.waitForMessages(1);
    expect(answer).toMatchObject({ type: 'template', text: 'first line second line', to: scoped });
    await settled().toEqual(['sent']);
    expect(whatsapp.callsOf('send')).toHaveLength(2);
    expect(await letters()).toEqual([]);
    if (answer !== undefined) await whatsapp.reportStatus(answer, 'failed', 131_049);
    await settled().toEqual(['failed']);
    expect(await letters()).toMatchObject([{ reason: expect.stringContaining('131049') }]);
  });

  it('is asked for again while the rest of the answer is still being sent', async () => {
    const { whatsapp } = ground;
    const parts = ['a', 'b'].map((letter) => letter.repeat(4000));
    ground.executor.answer = () => Promise.resolve(parts.join('\n\n'));
    const pause = Promise.withResolvers<void>();
    const clock: Clock = {
      ...hastyClock,
      sleep: (milliseconds, options) =>
        milliseconds === 2000 ? pause.promise : hastyClock.sleep(milliseconds, options),
    };
    await ground.startWhatsApp({}, { clock });
    const wait = { kind: 'error', code: 131_056, retryAfterSeconds: 2 } as const;
    whatsapp.failNext('send', { kind: 'slow', delayMs: 0 }, wait);
    await whatsapp.userSays({ text: 'go' });
    await whatsapp.waitUntil(() => whatsapp.callsOf('send').length === 2, 'the second send');
    const [first] = whatsapp.messages;
    if (first === undefined) throw new Error('no message');
    whatsapp.retryDelaysMs = Array.from({ length: 50 }, () => 200);
    const reported = whatsapp.reportStatus(first, 'failed', 131_026);
    await whatsapp.waitUntil(
      () => whatsapp.deliveries.some((delivery) => delivery.status === 503),
      'a refused status',
    );
    expect(await ground.outbox()).toMatchObject([{ status: 'sending', cursor: 1 }]);
    pause.resolve();
    expect(await reported).toMatchObject({ status: 200 });
    expect(await ground.outbox()).toMatchObject([{ status: 'failed', cursor: 0 }]);
    expect(await letters()).toHaveLength(1);
    expect(whatsapp.messages.map((message) => message.text)).toEqual(parts);
  });
});
