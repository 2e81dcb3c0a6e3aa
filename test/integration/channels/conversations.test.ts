import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventRouter } from '../../../src/engine/routing/index.ts';
import { silentLogger } from '../../../src/base/index.ts';
import type { RunContext } from '../../../src/engine/runs/index.ts';
import { routeDefinition } from '../../../src/protocol/index.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

let ground: ChannelGround;
beforeEach(async () => {
  ground = await startChannelGround();
});
afterEach(() => ground.close());

const texts = (): readonly string[] => ground.telegram.messages.map((message) => message.text);
const says = (text: string, userId = 7, extra: Readonly<Record<string, unknown>> = {}): number =>
  ground.telegram.userSays({ chatId: userId, text, extra });
const rows = async (table: 'chat_messages' | 'inbox' | 'outbox'): Promise<number> => {
  const row = await ground.storage.db
    .selectFrom(table)
    .select((builder) => builder.fn.countAll<string>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(row.count);
};

/** The agent answers `busy` only when it is let go; other messages at once. */
function holdAgent(): { started: Promise<void>; letGo: () => void } {
  const started = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  ground.executor.answer = async (message, context: RunContext) => {
    if (message === 'busy') {
      started.resolve();
      const { signal } = context;
      await Promise.race([
        held.promise,
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
      ]);
    }
    return `echo: ${message}`;
  };
  return { started: started.promise, letGo: held.resolve };
}

describe('messages while an answer is in progress', () => {
  it('are collected into one turn; each of them has its response', async () => {
    await ground.startHub([ground.define({ busy: 'collect', quiet: '100ms' })]);
    const { started, letGo } = holdAgent();
    says('busy');
    await started;
    for (const text of ['one', 'two', 'three', 'four']) says(text);
    await ground.telegram.waitUntilConfirmed();
    expect(await rows('chat_messages')).toBe(4);
    ground.telegram.redeliver();
    await ground.telegram.waitUntilConfirmed();
    letGo();
    await ground.telegram.waitForMessages(2);
    expect(texts()).toEqual(['echo: busy', 'echo: one\ntwo\nthree\nfour']);
    expect(await rows('chat_messages')).toBe(0);
    expect(await rows('inbox')).toBe(5);
    const responses = await ground.storage.db
      .selectFrom('outbox')
      .select(['request_id', 'response'])
      .execute();
    expect(new Set(responses.map((one) => one.request_id)).size).toBe(5);
    const answers = responses.map((one) => (one.response as { metadata: Record<string, unknown> }).metadata);
    expect(answers.filter((one) => one['answered_with'] !== undefined)).toHaveLength(3);
    // What was absorbed is known, however often it comes.
    ground.telegram.redeliver();
    await ground.telegram.waitUntilConfirmed();
    says('next');
    await ground.telegram.waitForMessages(3);
    expect(texts()[2]).toBe('echo: next');
    expect(await rows('inbox')).toBe(6);
  });

  it('survive the process that took them in', async () => {
    const first = await ground.startHub([ground.define({ busy: 'collect', quiet: '100ms' })]);
    const { started, letGo } = holdAgent();
    says('busy');
    await started;
    says('one');
    says('two');
    await ground.telegram.waitUntilConfirmed();
    await first.stop();
    letGo();
    await ground.startHub([ground.define({ busy: 'collect', quiet: '100ms' })]);
    await ground.telegram.waitForMessages(2);
    expect(texts()).toEqual(['echo: busy', 'echo: one\ntwo']);
  });

  it('become one turn although two processes look at them', async () => {
    await ground.startHub([ground.define({ busy: 'collect', quiet: '100ms' })]);
    await ground.startHub([ground.define({ busy: 'collect', quiet: '100ms' })]);
    const { started, letGo } = holdAgent();
    says('busy');
    await started;
    for (const text of ['one', 'two', 'three']) says(text);
    await ground.telegram.waitUntilConfirmed();
    letGo();
    await ground.telegram.waitForMessages(2);
    says('end');
    await ground.telegram.waitForMessages(3);
    expect(texts()).toEqual(['echo: busy', 'echo: one\ntwo\nthree', 'echo: end']);
  });

  it('of different people stay turns of their own, in their order', async () => {
    await ground.startHub([
      ground.define({
        busy: 'collect',
        quiet: '50ms',
        access: { groups: 'open', requireMention: false },
      }),
    ]);
    const { started, letGo } = holdAgent();
    ground.executor.answer = (
      (hold) => (message: string, context: RunContext) =>
        hold(message === 'Ann: busy' ? 'busy' : message, context)
    )(ground.executor.answer);
    const group = (userId: number, firstName: string, text: string) =>
      ground.telegram.userSays({ chatId: -5, userId, firstName, text });
    group(1, 'Ann', 'busy');
    await started;
    group(1, 'Ann', 'a1');
    group(1, 'Ann', 'a2');
    group(2, 'Ben', 'b1');
    group(1, 'Ann', 'a3');
    await ground.telegram.waitUntilConfirmed();
    letGo();
    await ground.telegram.waitForMessages(4);
    expect(texts().slice(1)).toEqual(['echo: Ann: a1\nAnn: a2', 'echo: Ben: b1', 'echo: Ann: a3']);
    expect(ground.executor.inputs.map((input) => input.principal)).toEqual([
      'telegram:4242:1',
      'telegram:4242:1',
      'telegram:4242:2',
      'telegram:4242:1',
    ]);
  });

  it('end the answer where the channel says interrupt', async () => {
    await ground.startHub([ground.define({ busy: 'interrupt' })]);
    const { started } = holdAgent();
    says('busy');
    await started;
    says('rather this');
    await ground.telegram.waitForMessages(2);
    expect(texts()).toEqual(['Stopped.', 'echo: rather this']);
  });

  it('are ended by /stop together with the answer, and /new leaves them to the old conversation', async () => {
    await ground.startHub([ground.define({ busy: 'collect', quiet: '100ms' })]);
    const { started } = holdAgent();
    says('busy');
    await started;
    says('never mind');
    says('/stop');
    await ground.telegram.waitForMessages(2);
    expect(texts()).toEqual(['Stopped.', 'Stopped.']);
    says('fine');
    await ground.telegram.waitForMessages(3);
    expect(texts()[2]).toBe('echo: fine');
    expect(await rows('chat_messages')).toBe(0);
  });

  it('wait for more where the channel debounces', async () => {
    // Written before the bot looks, so that they come at once however slow the machine is.
    for (const text of ['one', 'two', 'three']) says(text);
    await ground.startHub([ground.define({ busy: 'followup', debounce: '2s' })]);
    await ground.telegram.waitForMessages(1);
    expect(texts()).toEqual(['echo: one\ntwo\nthree']);
  });

  it('are answered politely when there is nobody to answer them', async () => {
    await ground.startHub([ground.define({ agent: 'nobody', debounce: '50ms' })]);
    says('hello?');
    await ground.telegram.waitForMessages(1);
    expect(texts()[0]).toContain('not set up correctly');
    expect(await rows('chat_messages')).toBe(0);
  });
});

describe('a conversation', () => {
  const sessions = async (): Promise<readonly (string | null)[]> =>
    (await ground.storage.db.selectFrom('sessions').select('key').orderBy('created_at').execute()).map(
      (row) => row.key,
    );

  it('begins anew after a rest, under its own prefix', async () => {
    await ground.startHub([ground.define({ session: { prefix: 'desk', ttl: 3600 } })]);
    says('one');
    await ground.telegram.waitForMessages(1);
    says('two');
    await ground.telegram.waitForMessages(2);
    expect(await sessions()).toEqual(['desk:4242:7']);
    const long = new Date(Date.now() - 3_601_000);
    await ground.storage.db.updateTable('sessions').set({ updated_at: long }).execute();
    says('three');
    await ground.telegram.waitForMessages(3);
    says('four');
    await ground.telegram.waitForMessages(4);
    expect(await sessions()).toEqual(['desk:4242:7', expect.stringMatching(/^desk:4242:7#telegram:4242:/)]);
  });

  it('lets people choose among the agents that the channel names', async () => {
    await ground.startHub([ground.define({ agents: ['echo', 'nobody'] })]);
    says('/agent');
    expect((await ground.telegram.waitForMessages(1))[0]?.text).toContain('/agent nobody');
    says('/agent admin');
    expect((await ground.telegram.waitForMessages(2)).at(-1)?.text).toContain('There is no agent admin');
    says('/agent nobody');
    expect((await ground.telegram.waitForMessages(3)).at(-1)?.text).toContain('nobody answers here');
    says('hello');
    expect((await ground.telegram.waitForMessages(4)).at(-1)?.text).toContain('not set up');
    says('hello', 8);
    expect((await ground.telegram.waitForMessages(5)).at(-1)?.text).toBe('echo: hello');
    says('/agent default');
    await ground.telegram.waitForMessages(6);
    says('hello');
    expect((await ground.telegram.waitForMessages(7)).at(-1)?.text).toBe('echo: hello');
  });

  it('lets people choose among the models that the channel names', async () => {
    await ground.startHub([ground.define({ models: ['openai/gpt-5-mini'] })]);
    says('/model other');
    expect((await ground.telegram.waitForMessages(1))[0]?.text).toContain('There is no model other');
    says('/model openai/gpt-5-mini');
    await ground.telegram.waitForMessages(2);
    says('hello');
    await ground.telegram.waitForMessages(3);
    const run = await ground.storage.db.selectFrom('runs').select('input').executeTakeFirstOrThrow();
    expect(run.input).toEqual({ message: 'hello', model: 'openai/gpt-5-mini' });
  });

  it('says how it stands, also while an answer is in progress', async () => {
    await ground.startHub([ground.define({ busy: 'collect' })]);
    says('/status');
    const [status] = await ground.telegram.waitForMessages(1);
    expect(status?.text).toContain('Nothing in progress');
    const { started, letGo } = holdAgent();
    says('busy');
    await started;
    says('later');
    says('/status');
    const shown = (await ground.telegram.waitForMessages(2)).at(-1)?.text;
    expect(shown).toContain('1 answer in progress');
    expect(shown).toContain('1 message waits for its turn');
    letGo();
    await ground.telegram.waitForMessages(4);
  });
});

describe('routing', () => {
  it('follows the rules that hold now, and tells the run which one it was', async () => {
    const router = createEventRouter({ logger: silentLogger });
    const rule = (agent: string) =>
      routeDefinition.parse({
        apiVersion: 'agent33/v1',
        kind: 'Route',
        metadata: { name: 'code' },
        spec: { source: 'telegram', contentPattern: '^/code', agent },
      });
    await ground.startHub([ground.define({ agent: 'nobody' })], { router });
    router.apply({ routes: [rule('echo')], channels: [] });
    says('/code please');
    expect((await ground.telegram.waitForMessages(1))[0]?.text).toBe('echo: /code please');
    const run = await ground.storage.db.selectFrom('runs').select('metadata').executeTakeFirstOrThrow();
    expect(run.metadata).toMatchObject({ route: 'code' });
    router.apply({ routes: [rule('nobody')], channels: [] });
    says('/code again');
    expect((await ground.telegram.waitForMessages(2)).at(-1)?.text).toContain('not set up');
  });
});

describe('groups', () => {
  const inGroup = (userId: number, firstName: string, text: string, mention = false): number =>
    ground.telegram.userSays({
      chatId: -5,
      userId,
      firstName,
      text: mention ? `@agent33_bot ${text}` : text,
      ...(mention ? { extra: { entities: [{ type: 'mention', offset: 0, length: 12 }] } } : {}),
    });

  it('show the talk since the last turn with the next one, at most so much of it', async () => {
    await ground.startHub([ground.define({ access: { groups: 'open', context: 2 } })]);
    for (const text of ['forgotten', 'pizza?', 'rather pasta']) inGroup(1, 'Ann', text);
    inGroup(2, 'Ben', 'what do they want?', true);
    await ground.telegram.waitForMessages(1);
    inGroup(2, 'Ben', 'and now?', true);
    await ground.telegram.waitForMessages(2);
    expect(ground.executor.inputs.map((input) => input.message)).toEqual([
      '[Said in the group before, not to you:\nAnn: pizza?\nAnn: rather pasta\n]\nBen: what do they want?',
      'Ben: and now?',
    ]);
    expect(await rows('chat_messages')).toBe(0);
  });

  it('may call the bot by a word of the channel, and keep nothing unless told to', async () => {
    await ground.startHub([
      ground.define({ access: { groups: 'open', mentionPatterns: ['(?i)^hey robot'] } }),
    ]);
    inGroup(1, 'Ann', 'nothing for you');
    inGroup(1, 'Ann', 'Hey Robot, hi');
    await ground.telegram.waitForMessages(1);
    expect(ground.executor.inputs.map((input) => input.message)).toEqual(['Ann: Hey Robot, hi']);
    expect(await rows('chat_messages')).toBe(0);
  });
});

describe('strangers where direct messages need pairing', () => {
  it('are told a code once, let in by the operator, and gain nothing in groups', async () => {
    const hub = await ground.startHub([
      ground.define({ access: { dm: 'pairing', groups: 'allowlist', users: ['8'] } }),
    ]);
    says('let me in');
    const [prompt] = await ground.telegram.waitForMessages(1);
    const code = /\d{6}/.exec(prompt?.text ?? '')?.[0] ?? '';
    says('please');
    says(`/pair ${code}`);
    expect((await ground.telegram.waitForMessages(2)).at(-1)?.text).toContain('not right');
    await hub.pairing.approve('default', 'telegram', code, 'key:1');
    says('hello');
    expect((await ground.telegram.waitForMessages(3)).at(-1)?.text).toBe('echo: hello');
    says('hello', 8);
    await ground.telegram.waitForMessages(4);
    ground.telegram.userSays({ chatId: -5, userId: 7, text: '/help' });
    await ground.telegram.waitUntilConfirmed();
    expect(texts()).toHaveLength(4);
  });

  it('come in by a code that the operator gave them, and cannot guess one', async () => {
    const hub = await ground.startHub([ground.define({ access: { dm: 'pairing' } })]);
    const user = { tenant: 'default', platform: 'telegram', accountId: '4242', userId: '7' };
    const code = await hub.pairing.generateCode({ ...user, channel: 'telegram' });
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
    for (let time = 0; time < 4; time += 1) says(`/pair ${wrong}`);
    says(`/pair ${code}`);
    await ground.telegram.waitForMessages(5);
    says('hello');
    expect((await ground.telegram.waitForMessages(6)).at(-1)?.text).toBe('echo: hello');
  });

  it('hear nothing where an allowlist rules, though they were paired once', async () => {
    const hub = await ground.startHub([ground.define({ access: { dm: 'allowlist', users: ['8'] } })]);
    const user = { tenant: 'default', platform: 'telegram', accountId: '4242', userId: '7' };
    const code = await hub.pairing.generateCode({ ...user, channel: 'telegram' });
    expect(await hub.pairing.verifyCode(code, user)).toBe(true);
    says('hello');
    says('/pair 123456');
    says('hello', 8);
    await ground.telegram.waitForMessages(1);
    await ground.telegram.waitUntilConfirmed();
    expect(ground.telegram.messages.map((message) => message.chatId)).toEqual(['8']);
  });
});
