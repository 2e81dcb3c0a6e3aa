import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger, systemClock, type Clock } from '../../../base/index.ts';
import { channelDefinition, type Message } from '../../../protocol/index.ts';
import { createDirectEgress, FakeSlack, signedSlackHeaders } from '../../../testing/channels.ts';
import { channelContract } from '../../../testing/contracts/channel-contract.ts';
import { createMemoryLogger } from '../../../testing/memory-logger.ts';
import { slackEvent, slackMessageEvents } from '../../../testing/slack-payloads.ts';
import type { Acceptance, ChannelAdapterContext, RawWebhook } from '../channel-adapter.ts';
import type { ChannelState } from '../channel-state.ts';
import { createSlackAdapter } from './slack-adapter.ts';

const noState: ChannelState = {
  get: () => Promise.resolve(undefined),
  set: () => Promise.resolve(),
  raise: () => Promise.resolve(),
  delete: () => Promise.resolve(),
  deleteOlder: () => Promise.resolve(),
  acquireLease: () => Promise.resolve(true),
  releaseLease: () => Promise.resolve(),
};
const hasty: Clock = {
  ...systemClock,
  sleep: (milliseconds, options) => systemClock.sleep(Math.min(milliseconds, 10), options),
};

let slack: FakeSlack;
let statuses: string[];
let accepted: Message[];

function contextFor(spec: object, more: Partial<ChannelAdapterContext> = {}): ChannelAdapterContext {
  return {
    definition: channelDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Channel',
      metadata: { name: 'slack' },
      spec: {
        platform: 'slack',
        agent: 'a',
        botToken: 'xoxb-1111-2222-fake-bot-token',
        signingSecret: 'fake-signing-secret',
        ...spec,
      },
    }),
    clock: hasty,
    logger: silentLogger,
    state: noState,
    commands: [{ name: 'help', description: 'Help' }],
    createEgress: createDirectEgress,
    allowPrivate: [],
    accept: (message) => {
      accepted.push(message);
      return Promise.resolve({ outcome: 'submitted' });
    },
    onStatus: (status, error) => statuses.push(error === undefined ? status : `${status}: ${error}`),
    ...more,
  };
}

const posted = (body: string, headers: Record<string, string>): RawWebhook => ({
  method: 'POST',
  headers,
  query: {},
  body: new TextEncoder().encode(body),
});
const signal = (): AbortSignal => AbortSignal.timeout(10_000);

beforeEach(() => {
  statuses = [];
  accepted = [];
});

channelContract('Slack', async () => {
  const fake = await FakeSlack.start();
  const secret = fake.signingSecret;
  const now = Date.now();
  return {
    adapter: createSlackAdapter(contextFor({ apiBase: fake.apiBase })),
    update: (text) =>
      slackEvent(
        fake,
        `Ev${fake.nextTs()}`,
        slackMessageEvents(fake, fake.nextTs(), { channel: 'D7', text })[0] ?? {},
      ),
    forged: [
      posted('{}', {}),
      posted('{}', signedSlackHeaders('another secret', '{}', { nowMs: now })),
      posted('{"a":1}', signedSlackHeaders(secret, '{}', { nowMs: now })),
      posted('{}', signedSlackHeaders(secret, '{}', { nowMs: now - 400_000 })),
      posted('{}', signedSlackHeaders(secret, '{}', { nowMs: now + 400_000 })),
    ],
    sent: () => fake.messages.map((message) => message.text),
    files: {
      update: (file) =>
        slackEvent(
          fake,
          `Ev${fake.nextTs()}`,
          slackMessageEvents(fake, fake.nextTs(), {
            channel: 'D7',
            extra: { subtype: 'file_share', files: [fake.files.fileOf(file)] },
          })[0] ?? {},
        ),
      cutNext: () => fake.files.failNext({ kind: 'cut' }),
      loseNext: () => fake.files.failNext({ kind: 'error', status: 404 }),
      sent: () => fake.files.shared,
    },
    close: () => fake.stop(),
  };
});

describe('the Slack adapter', () => {
  beforeEach(async () => {
    slack = await FakeSlack.start();
    slack.retryDelaysMs = [0, 10, 20];
  });
  afterEach(() => slack.stop());

  const create = (spec: object = {}, more: Partial<ChannelAdapterContext> = {}) =>
    createSlackAdapter(contextFor({ apiBase: slack.apiBase, ...spec }, more));
  const socket = (): object => ({ mode: 'socket', appToken: slack.appToken });
  const address = {
    channel: 'slack',
    platform: 'slack',
    accountId: '1111-2222',
    chatId: 'C1',
    threadId: '1.1',
  };
  const chunk = { body: '*hi*', plain: 'hi' };
  const send = (more: object = {}) =>
    create()
      .sendChunk(address, { ...chunk, ...more }, { signal: signal(), key: 'out_1:0' })
      .catch((error: unknown) => error);

  it.each([
    [{ signingSecret: undefined }, 'spec.signingSecret'],
    [{ mode: 'socket' }, 'spec.appToken'],
    [{ mode: 'socket', appToken: 'xoxb-1' }, 'xapp-'],
    [{ botToken: 'xapp-1' }, 'spec.botToken'],
  ])('refuses a definition that cannot work: %j', (spec, part) => {
    expect(() => create(spec)).toThrow(part);
  });

  it('names its account by the definition, the token or the channel, and never by what Slack says later', () => {
    expect(create().accountId).toBe('1111-2222');
    expect(create({ account: 'T1' }).accountId).toBe('T1');
    expect(create({ botToken: 'xoxe.xoxb-rotated' }).accountId).toBe('slack');
  });

  it('gives each thread of a channel and each person in direct messages a conversation', () => {
    const adapter = create({ account: 'T1' });
    const read = (message: Parameters<typeof slackMessageEvents>[2], ts: string) => {
      const [event = {}] = slackMessageEvents(slack, ts, message);
      const parsed = adapter.parse(slackEvent(slack, 'Ev', event)).message;
      if (parsed === undefined) throw new Error('ignored');
      return [adapter.conversation(parsed), adapter.replyAddress(parsed).threadId];
    };
    expect(read({ channel: 'C1' }, '5.1')).toEqual(['slack:T1:C1:5.1', '5.1']);
    expect(read({ channel: 'C1', threadTs: '5.1' }, '5.9')).toEqual(['slack:T1:C1:5.1', '5.1']);
    expect(read({ channel: 'D1' }, '5.1')).toEqual(['slack:T1:D1', undefined]);
    expect(read({ channel: 'D1', threadTs: '5.1' }, '5.9')).toEqual(['slack:T1:D1', '5.1']);
  });

  it('posts into the thread, without previews, under an id that is the same for each try', async () => {
    await send();
    slack.failNext('chat.postMessage', { kind: 'cut-after' });
    expect(await send()).toMatchObject({ verdict: 'ambiguous' });
    await send();
    expect(slack.messages).toMatchObject([{ text: 'hi', source: '*hi*', threadTs: '1.1', channel: 'C1' }]);
    expect(slack.messages[0]?.clientMessageId).toMatch(
      /^[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-a[\da-f]{3}-[\da-f]{12}$/,
    );
    expect(slack.callsOf('chat.postMessage')[0]?.parameters).toMatchObject({ unfurl_links: false });
  });

  it.each([
    [
      { kind: 'rate-limit', retryAfterSeconds: 7 },
      { verdict: 'retry', retryAfterMs: 7000, pauses: 'chat', code: 'rate_limited' },
    ],
    [
      { kind: 'error', error: 'ratelimited' },
      { verdict: 'retry', retryAfterMs: 5000 },
    ],
    [
      { kind: 'error', error: 'channel_not_found' },
      { verdict: 'permanent', unauthorized: false },
    ],
    [{ kind: 'error', error: 'is_archived' }, { verdict: 'permanent' }],
    [{ kind: 'error', error: 'msg_too_long' }, { verdict: 'permanent' }],
    [
      { kind: 'error', error: 'invalid_auth' },
      { verdict: 'permanent', unauthorized: true },
    ],
    [
      { kind: 'error', error: 'account_inactive' },
      { verdict: 'permanent', unauthorized: true },
    ],
    [{ kind: 'error', error: 'service_unavailable', status: 503 }, { verdict: 'retry' }],
    [{ kind: 'error', error: 'fatal_error', status: 500 }, { verdict: 'ambiguous' }],
    [{ kind: 'cut-before' }, { verdict: 'ambiguous' }],
  ] as const)('knows what %j means for the message', async (fault, expected) => {
    slack.failNext('chat.postMessage', fault);
    const error = await send();
    expect(error).toMatchObject({ name: 'SendError', ...expected });
    expect(JSON.stringify(error) + String(error)).not.toContain(slack.botToken);
  });

  it('shows buttons in blocks that are short enough, and the text alone where Slack cannot read them', async () => {
    const actions = [{ label: 'Approve', command: '/approve ABC123' }];
    const body = `${'word '.repeat(700)}end`;
    await send({ body, plain: body, actions });
    expect(slack.messages[0]?.buttons).toEqual([
      { text: 'Approve', actionId: 'agent33:0', value: '/approve ABC123' },
    ]);
    slack.failNext('chat.postMessage', { kind: 'error', error: 'invalid_blocks' });
    slack.knowsMessageIds = false;
    await send({ body: '*a* &amp; b', plain: 'a & b', actions });
    expect(slack.messages[1]).toMatchObject({ text: 'a & b', source: 'a &amp; b', buttons: [] });
  });

  it('shows a status in threads, and asks no more when the app may not', async () => {
    const adapter = create();
    await adapter.typing(address, { signal: signal() });
    await adapter.typing({ ...address, threadId: undefined } as never, { signal: signal() });
    expect(slack.callsOf('assistant.threads.setStatus')).toHaveLength(1);
    slack.failNext('assistant.threads.setStatus', { kind: 'error', error: 'missing_scope' });
    await expect(adapter.typing(address, { signal: signal() })).rejects.toThrow('missing_scope');
    await adapter.typing(address, { signal: signal() });
    expect(slack.callsOf('assistant.threads.setStatus')).toHaveLength(2);
  });

  it('is down when Slack refuses the token, and takes in nothing that it cannot answer', async () => {
    slack.failNext('auth.test', { kind: 'error', error: 'account_inactive' });
    const adapter = create();
    await adapter.start();
    await expect.poll(() => statuses.at(-1)).toContain('down: ');
    expect(statuses.at(-1)).toContain('account_inactive');
    await expect(adapter.enqueueWebhookUpdate({})).rejects.toMatchObject({ code: 'not_ready' });
    await adapter.stop();
  });

  it('warns when Slack holds events back', async () => {
    const logger = createMemoryLogger();
    const adapter = createSlackAdapter(contextFor({ apiBase: slack.apiBase }, { logger }));
    await adapter.start();
    const limited = { type: 'app_rate_limited', team_id: 'T1', minute_rate_limited: 1 };
    expect(await adapter.enqueueWebhookUpdate(limited)).toEqual({ outcome: 'ignored' });
    expect(logger.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { fields: { reason: expect.stringContaining('too many') } },
    ]);
    await adapter.stop();
  });

  it('takes events in also while the Web API is away', async () => {
    slack.failNext('auth.test', { kind: 'slow', delayMs: 60_000 });
    const adapter = create();
    await adapter.start();
    const [event = {}] = slackMessageEvents(slack, '5.1', { channel: 'C1', mention: true, text: 'hi' });
    await adapter.enqueueWebhookUpdate(slackEvent(slack, 'Ev1', event));
    expect(accepted).toMatchObject([{ text: 'hi', mentions_bot: true }]);
    await adapter.stop();
  });

  describe('in Socket Mode', () => {
    const up = () => expect.poll(() => statuses.at(-1), { timeout: 5000 }).toBe('up');

    it('acknowledges each event once it is durable, in order, and closes cleanly', async () => {
      const order: string[] = [];
      const adapter = create(socket(), {
        accept: async (message) => {
          order.push(`begin ${message.text}`);
          await new Promise((resolve) => setImmediate(resolve));
          order.push(`end ${message.text}`);
          return { outcome: 'submitted' };
        },
      });
      expect(
        adapter.verify(posted('{}', signedSlackHeaders(slack.signingSecret, '{}', { nowMs: Date.now() }))),
      ).toBe(false);
      await adapter.start();
      await up();
      await Promise.all(['one', 'two'].map((text) => slack.userSays({ channel: 'D1', text })));
      expect(order).toEqual(['begin one', 'end one', 'begin two', 'end two']);
      expect(slack.deliveries.map((delivery) => delivery.status)).toEqual([200, 200]);
      await adapter.stop();
      await slack.waitUntil(() => slack.connections === 0, 'a clean close');
      expect(statuses.at(-1)).toBe('stopped');
    });

    it('does not acknowledge what could not be stored', async () => {
      slack.ackTimeoutMs = 200;
      let refusals = 1;
      const adapter = create(socket(), {
        accept: (message): Promise<Acceptance> => {
          if (refusals-- > 0) return Promise.reject(new Error('the database is away'));
          accepted.push(message);
          return Promise.resolve({ outcome: 'submitted' });
        },
      });
      await adapter.start();
      await up();
      await slack.userSays({ channel: 'D1', text: 'again' });
      expect(slack.deliveries.map((delivery) => delivery.status)).toEqual([0, 200]);
      expect(accepted).toHaveLength(1);
      await adapter.stop();
    });

    it('answers slash commands within their acknowledgement', async () => {
      const adapter = create(socket());
      await adapter.start();
      await up();
      const { status, body } = await slack.userCommands({ channel: 'C1', text: 'what now?' });
      expect({ status, body: JSON.parse(body) as unknown }).toEqual({
        status: 200,
        body: { response_type: 'in_channel' },
      });
      expect(JSON.stringify(accepted)).not.toContain('outdated-verification-token');
      await adapter.stop();
    });

    it('opens the next session before it closes one that Slack wants replaced', async () => {
      const adapter = create(socket());
      await adapter.start();
      await up();
      let fewest = slack.connections;
      const opened = slack.waitUntil(() => {
        fewest = Math.min(fewest, slack.connections);
        return slack.callsOf('apps.connections.open').length === 2 && slack.connections === 1;
      }, 'one new session');
      slack.askToLeave('refresh_requested');
      await opened;
      expect(fewest).toBe(1);
      await slack.userSays({ channel: 'D1', text: 'still there?' });
      expect(accepted).toHaveLength(1);
      await adapter.stop();
    });

    it('comes back after a lost line and a refused address', async () => {
      const adapter = create(socket());
      await adapter.start();
      await up();
      slack.failNext(
        'apps.connections.open',
        { kind: 'error', error: 'internal_error' },
        { kind: 'rate-limit', retryAfterSeconds: 1 },
        { kind: 'cut-before' },
      );
      slack.cutSockets();
      await slack.waitUntil(() => slack.callsOf('apps.connections.open').length === 5, 'a new session');
      await up();
      await slack.userSays({ channel: 'D1', text: 'back?' });
      expect(accepted).toHaveLength(1);
      await adapter.stop();
    });

    it('is down when Socket Mode is switched off', async () => {
      const adapter = create(socket());
      await adapter.start();
      await up();
      slack.askToLeave('link_disabled');
      await expect.poll(() => statuses.at(-1)).toContain('switched off');
      await adapter.stop();
      await slack.waitUntil(() => slack.connections === 0, 'no session');
    });

    it('stands by while another process holds the lease', async () => {
      const adapter = create(socket(), { state: { ...noState, acquireLease: () => Promise.resolve(false) } });
      await adapter.start();
      await expect.poll(() => statuses.at(-1)).toBe('standby');
      expect(slack.callsOf('apps.connections.open')).toEqual([]);
      await adapter.stop();
    });
  });
});
