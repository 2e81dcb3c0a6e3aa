import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../base/index.ts';
import { channelDefinition, type Message } from '../../../protocol/index.ts';
import { createDirectEgress, FakeWhatsApp, signedWhatsAppHeaders } from '../../../testing/channels.ts';
import { channelContract } from '../../../testing/contracts/channel-contract.ts';
import { MemoryChannelState } from '../../../testing/memory-channel-state.ts';
import { createMemoryLogger } from '../../../testing/memory-logger.ts';
import { whatsappCall, whatsappMessage, whatsappStatus } from '../../../testing/whatsapp-payloads.ts';
import type { ChannelAdapterContext, DeliveryReceipt, RawWebhook } from '../channel-adapter.ts';
import { createWhatsAppAdapter } from './whatsapp-adapter.ts';

const hasty: Clock = {
  ...systemClock,
  sleep: (milliseconds, options) => systemClock.sleep(Math.min(milliseconds, 10), options),
};
const ids = {
  phoneNumberId: '106540352242922',
  businessAccountId: '102290129340398',
  displayPhoneNumber: '15550783881',
};
const scoped = 'DE.13491208655302741918';

let whatsapp: FakeWhatsApp;
let statuses: string[];
let accepted: Message[];
let receipts: DeliveryReceipt[];
let log: ReturnType<typeof createMemoryLogger>;

function contextFor(spec: object, more: Partial<ChannelAdapterContext> = {}): ChannelAdapterContext {
  log = createMemoryLogger();
  return {
    definition: channelDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Channel',
      metadata: { name: 'whatsapp' },
      spec: {
        platform: 'whatsapp',
        agent: 'a',
        phoneNumberId: ids.phoneNumberId,
        accessToken: 'EAAfake-access-token',
        appSecret: 'fake-app-secret-0123456789abcdef',
        verifyToken: 'fake-verify-token',
        ...spec,
      },
    }),
    clock: hasty,
    logger: log,
    state: new MemoryChannelState(),
    commands: [{ name: 'help', description: 'Help' }],
    createEgress: createDirectEgress,
    allowPrivate: [],
    accept: (message) => {
      accepted.push(message);
      return Promise.resolve({ outcome: 'submitted' });
    },
    onStatus: (status, error) => statuses.push(error === undefined ? status : `${status}: ${error}`),
    onReceipt: (receipt) => {
      receipts.push(receipt);
      return Promise.resolve();
    },
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
  receipts = [];
});

channelContract('WhatsApp', async () => {
  const fake = await FakeWhatsApp.start();
  return {
    adapter: createWhatsAppAdapter(contextFor({ apiBase: fake.apiBase })),
    update: (text) => {
      const { message, contact } = whatsappMessage(fake.nextId(), { text });
      return whatsappCall(fake, { contacts: [contact], messages: [message] });
    },
    forged: [
      posted('{}', {}),
      posted('{}', signedWhatsAppHeaders('another secret', '{}')),
      posted('{"a":1}', signedWhatsAppHeaders(fake.appSecret, '{}')),
    ],
    sent: () => fake.messages.map((message) => message.text),
    files: {
      update: (file) => {
        const { id } = fake.files.add(file);
        const document = { id, filename: file.name, mime_type: file.mimeType };
        const extra = { type: 'document', document };
        const { message, contact } = whatsappMessage(fake.nextId(), { extra });
        return whatsappCall(fake, { contacts: [contact], messages: [message] });
      },
      cutNext: () => fake.files.failNext({ kind: 'cut' }),
      loseNext: () => fake.files.failNext({ kind: 'error', status: 404 }),
      sent: () => fake.messages.flatMap((message) => message.file ?? []),
    },
    close: () => fake.stop(),
  };
});

describe('the WhatsApp adapter', () => {
  beforeEach(async () => {
    whatsapp = await FakeWhatsApp.start();
  });
  afterEach(() => whatsapp.stop());

  const create = (spec: object = {}, more: Partial<ChannelAdapterContext> = {}) =>
    createWhatsAppAdapter(contextFor({ apiBase: whatsapp.apiBase, ...spec }, more));
  const address = { channel: 'whatsapp', platform: 'whatsapp', accountId: ids.phoneNumberId, chatId: scoped };
  const chunk = { body: '*hi*', plain: 'hi' };
  const template = { name: 'answer_is_ready', language: 'en' };
  const send = (adapter = create(), more: object = {}, to: object = {}) =>
    adapter
      .sendChunk({ ...address, ...to }, { ...chunk, ...more }, { signal: signal(), key: 'rsp_1:0' })
      .catch((error: unknown) => error);

  describe('sends', () => {
    it('to a person by the id or the number that it has, under a key that statuses bring back', async () => {
      const adapter = create();
      expect(await send(adapter)).toBe(whatsapp.messages[0]?.id);
      await send(adapter, {}, { chatId: '+49 (170) 1234567', replyToMessageId: 'wamid.Q' });
      expect(whatsapp.messages).toMatchObject([
        { to: scoped, addressedBy: 'recipient', text: 'hi', source: '*hi*', quotes: undefined },
        { to: '491701234567', addressedBy: 'to', quotes: 'wamid.Q', callbackData: 'rsp_1:0' },
      ]);
      expect(whatsapp.callsOf('send')[0]?.body).toMatchObject({ text: { preview_url: false } });
    });

    it('without the quote where WhatsApp does not know what is quoted', async () => {
      whatsapp.failNext('send', { kind: 'error', code: 131_009 });
      await send(create(), {}, { replyToMessageId: 'wamid.Gone' });
      expect(whatsapp.messages).toMatchObject([{ text: 'hi', quotes: undefined }]);
    });

    it.each([
      [2, 'hi', 'button'],
      [4, 'hi', 'list'],
      [2, 'w '.repeat(600), 'list'],
    ])('%i buttons below %#', async (count, body, type) => {
      const actions = Array.from({ length: count }, (_, index) => ({
        label: index === 0 ? 'Approve everything that is asked' : `Choice ${index}`,
        command: `/approve ABC${index}`,
      }));
      await send(create(), { body, plain: body, actions });
      expect(whatsapp.callsOf('send')[0]?.body).toMatchObject({ interactive: { type } });
      expect(whatsapp.messages[0]?.buttons.map((button) => button.id)).toEqual(
        actions.map((one) => one.command),
      );
      expect(whatsapp.messages[0]?.buttons[0]?.title).toMatch(/^Approve everything.*…$/);
    });

    it('the text alone where WhatsApp cannot show buttons', async () => {
      whatsapp.failNext('send', { kind: 'error', code: 131_009 });
      await send(create(), { actions: [{ label: 'Approve', command: '/approve A' }] });
      expect(whatsapp.messages).toMatchObject([{ type: 'text', text: 'hi', buttons: [] }]);
    });

    it.each([
      [{ code: 130_429 }, { verdict: 'retry', code: 'rate_limited', pauses: 'account', retryAfterMs: 5000 }],
      [
        { code: 80_007, status: 429, retryAfterSeconds: 9 },
        { verdict: 'retry', pauses: 'account', retryAfterMs: 9000 },
      ],
      [{ status: 429 }, { verdict: 'retry', pauses: 'account', retryAfterMs: 5000 }],
      [{ code: 131_056 }, { verdict: 'retry', code: 'rate_limited', pauses: 'chat', retryAfterMs: 6000 }],
      [{ code: 131_047 }, { verdict: 'permanent', unauthorized: false }],
      [{ code: 131_049 }, { verdict: 'permanent' }],
      [{ code: 131_026 }, { verdict: 'permanent', unauthorized: false }],
      [{ code: 100 }, { verdict: 'permanent', unauthorized: false }],
      [
        { code: 190, status: 401 },
        { verdict: 'permanent', unauthorized: true },
      ],
      [
        { code: 10, status: 403 },
        { verdict: 'permanent', unauthorized: true },
      ],
      [{ code: 131_016, status: 503 }, { verdict: 'retry' }],
      [{ code: 131_000, status: 500 }, { verdict: 'ambiguous' }],
      [{ status: 502 }, { verdict: 'ambiguous' }],
    ] as const)('and knows what %j means for the message', async (fault, expected) => {
      whatsapp.failNext('send', { kind: 'error', ...fault });
      const error = await send();
      expect(error).toMatchObject({ name: 'SendError', ...expected });
      expect(JSON.stringify(error) + String(error)).not.toContain(whatsapp.accessToken);
    });

    it('and says what to do where the time for free answers is over', async () => {
      whatsapp.closedWindows.set(scoped, 'refused');
      expect(String(await send())).toContain('spec.template');
    });

    it.each(['cut-before', 'cut-after'] as const)(
      'and does not know whether a message arrived after %s',
      async (kind) => {
        whatsapp.failNext('send', { kind });
        expect(await send()).toMatchObject({ verdict: 'ambiguous' });
        expect(whatsapp.messages).toHaveLength(kind === 'cut-after' ? 1 : 0);
      },
    );

    it('knows that nothing was sent where nobody listens', async () => {
      const adapter = create();
      await whatsapp.stop();
      expect(await send(adapter)).toMatchObject({ verdict: 'retry' });
      whatsapp = await FakeWhatsApp.start();
    });

    it('once, when a status tells meanwhile that an unanswered message arrived', async () => {
      const adapter = create();
      await adapter.start();
      whatsapp.failNext('send', { kind: 'cut-after' });
      await send(adapter);
      const id = whatsapp.messages[0]?.id ?? '';
      const status = whatsappStatus(id, 'sent', { callbackData: 'rsp_1:0' });
      await adapter.enqueueWebhookUpdate(whatsappCall(ids, { statuses: [status] }));
      expect(await send(adapter)).toBe(id);
      expect(whatsapp.messages).toHaveLength(1);
      await adapter.stop();
    });

    it('a template outside of the time for free answers, in pieces that are each sent once', async () => {
      const adapter = create({ template });
      const plain = 'many words '.repeat(150).trim();
      whatsapp.closedWindows.set(scoped, 'refused');
      whatsapp.failNext(
        'send',
        { kind: 'slow', delayMs: 0 },
        { kind: 'slow', delayMs: 0 },
        { kind: 'error', code: 131_056 },
      );
      expect(await send(adapter, { plain })).toMatchObject({ verdict: 'retry' });
      await send(adapter, { plain }, { templateOnly: true });
      expect(whatsapp.messages.map((message) => message.text).join(' ')).toBe(plain);
      expect(whatsapp.messages).toHaveLength(2);
      for (const message of whatsapp.messages)
        expect(message).toMatchObject({ template, callbackData: 'rsp_1:0:template' });
    });

    it('the sign of reading and typing, where it knows the message', async () => {
      const adapter = create();
      await adapter.typing({ ...address, answeredMessageId: 'wamid.M' }, { signal: signal() });
      await adapter.typing(address, { signal: signal() });
      expect(whatsapp.callsOf('typing').map((call) => call.body)).toEqual([
        {
          messaging_product: 'whatsapp',
          status: 'read',
          message_id: 'wamid.M',
          typing_indicator: { type: 'text' },
        },
      ]);
    });
  });

  describe('takes in', () => {
    const callOf = (...texts: readonly [user: string, text: string][]) => {
      const made = texts.map(([userId, text], index) =>
        whatsappMessage(`wamid.${index}`, { phone: null, userId, text }),
      );
      return whatsappCall(ids, {
        contacts: made.map(({ contact }) => contact),
        messages: made.map(({ message }) => message),
      });
    };

    it('every message of a call in order, and the rest of a call around one that cannot be stored', async () => {
      const taken: string[] = [];
      let broken = true;
      const adapter = create(
        {},
        {
          accept: ({ text }) => {
            if (text === 'b1' && broken) return Promise.reject(new Error('the database is away'));
            taken.push(text);
            return Promise.resolve({ outcome: 'submitted' });
          },
        },
      );
      await adapter.start();
      const call = callOf(['DE.a', 'a1'], ['DE.b', 'b1'], ['DE.a', 'a2'], ['DE.b', 'b2'], ['DE.c', 'c1']);
      await expect(adapter.enqueueWebhookUpdate(call)).rejects.toThrow('the database is away');
      expect(taken).toEqual(['a1', 'a2', 'c1']);
      broken = false;
      expect(await adapter.enqueueWebhookUpdate(call)).toMatchObject({ outcome: 'submitted' });
      expect(taken.slice(3)).toEqual(['a1', 'b1', 'a2', 'b2', 'c1']);
      await adapter.stop();
    });

    it('what came before with no second courtesy', async () => {
      const courtesies: string[] = [];
      const adapter = create(
        {},
        {
          accept: ({ text }) =>
            Promise.resolve({
              outcome: 'answered',
              afterAck: () => Promise.resolve(void courtesies.push(text)),
            }),
        },
      );
      await adapter.start();
      const call = callOf(['DE.a', 'one'], ['DE.b', 'two']);
      for (let time = 0; time < 2; time += 1) await (await adapter.enqueueWebhookUpdate(call)).afterAck?.();
      expect(courtesies).toEqual(['one', 'two']);
      await adapter.stop();
    });

    it('calls with something nested beyond reason in the place of an id', async () => {
      const adapter = create();
      await adapter.start();
      const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
      const messages = [{ id: 'wamid.deep', from: deep, type: 'text', text: { body: 'x' } }];
      const statuses = [{ id: deep, status: 'read' }];
      const taken = await adapter.enqueueWebhookUpdate(whatsappCall(ids, { messages, statuses }));
      expect(taken).toEqual({ outcome: 'ignored' });
      await adapter.stop();
    });

    it('people in the name under which they first wrote, and answers them where they are now', async () => {
      const adapter = create();
      await adapter.start();
      const say = (phone: string | null, userId: string | null) => {
        const { message, contact } = whatsappMessage(whatsapp.nextId(), { phone, userId, text: 'x' });
        return adapter.enqueueWebhookUpdate(whatsappCall(ids, { contacts: [contact], messages: [message] }));
      };
      await say('4911111', 'DE.1');
      await say(null, 'DE.1');
      const system = {
        type: 'user_changed_number',
        wa_id: '4922222',
        user_id: 'DE.2',
        previous_user_id: 'DE.1',
      };
      const notice = { id: 'wamid.sys', from: '4911111', timestamp: '1', type: 'system', system };
      await adapter.enqueueWebhookUpdate(whatsappCall(ids, { messages: [notice] }));
      await say('4922222', 'DE.2');
      const renamed = [{ wa_id: '4933333', user_id: { previous: 'DE.2', current: 'DE.3' }, timestamp: '2' }];
      const metadata = { phone_number_id: ids.phoneNumberId };
      const value = { messaging_product: 'whatsapp', metadata, user_id_update: renamed };
      await adapter.enqueueWebhookUpdate({
        object: 'whatsapp_business_account',
        entry: [{ id: '1', changes: [{ field: 'user_id_update', value }] }],
      });
      await say(null, 'DE.3');
      expect(accepted.map((message) => adapter.conversation(message))).toEqual(
        Array.from({ length: 4 }, () => `whatsapp:${ids.phoneNumberId}:DE.1`),
      );
      expect(accepted.map((message) => adapter.replyAddress(message).chatId)).toEqual([
        'DE.1',
        'DE.1',
        'DE.2',
        'DE.3',
      ]);
      expect(accepted.map((message) => message.user_aliases)).toEqual([
        ['4911111'],
        ['4911111'],
        ['DE.2', '4922222'],
        ['DE.3', '4933333'],
      ]);
      await adapter.stop();
    });

    it('statuses that say more than before, and those that could not be recorded again', async () => {
      let refusals = 1;
      const adapter = create(
        {},
        {
          onReceipt: (receipt) => {
            if (receipt.status === 'failed' && refusals-- > 0) return Promise.reject(new Error('later'));
            receipts.push(receipt);
            return Promise.resolve();
          },
        },
      );
      await adapter.start();
      const tell = (status: string, errorCode?: number) => {
        const more = { callbackData: 'rsp_1:0', ...(errorCode === undefined ? {} : { errorCode }) };
        return adapter.enqueueWebhookUpdate(
          whatsappCall(ids, { statuses: [whatsappStatus('wamid.S', status, more)] }),
        );
      };
      for (const status of ['delivered', 'sent', 'delivered', 'read', 'delivered']) await tell(status);
      await expect(tell('failed', 131_026)).rejects.toThrow('later');
      for (const status of ['failed', 'failed', 'read']) await tell(status, 131_026);
      expect(receipts.map((receipt) => receipt.status)).toEqual(['delivered', 'read', 'failed']);
      expect(receipts[2]).toMatchObject({ key: 'rsp_1:0', reason: expect.stringContaining('131026') });
      expect(receipts[2]?.again).toBeUndefined();
      await adapter.stop();
    });

    it.each([
      ['rsp_1:0', { template }, { templateOnly: true }],
      ['rsp_1:0:template', { template }, undefined],
      ['rsp_1:0', {}, undefined],
    ])('a late refusal of %s with %j as one to send again: %j', async (callbackData, spec, again) => {
      const adapter = create(spec);
      await adapter.start();
      const status = whatsappStatus('wamid.S', 'failed', { callbackData, errorCode: 131_047 });
      await adapter.enqueueWebhookUpdate(whatsappCall(ids, { statuses: [status] }));
      expect(receipts).toMatchObject([{ key: 'rsp_1:0', status: 'failed' }]);
      expect(receipts[0]?.again).toEqual(again);
      await adapter.stop();
    });

    it('nothing for other numbers, but says so once', async () => {
      const adapter = create();
      await adapter.start();
      for (let time = 0; time < 3; time += 1) {
        const { message } = whatsappMessage(`wamid.${time}`, { text: 'x' });
        const call = whatsappCall({ ...ids, phoneNumberId: '999999999' }, { messages: [message] });
        expect(await adapter.enqueueWebhookUpdate(call)).toEqual({ outcome: 'ignored' });
      }
      expect(accepted).toEqual([]);
      expect(log.lines.filter((line) => line.message.includes('another channel'))).toHaveLength(1);
      await adapter.stop();
    });

    it('nothing before it was started, and nothing that it cannot answer', async () => {
      const adapter = create();
      await expect(adapter.enqueueWebhookUpdate({})).rejects.toMatchObject({ code: 'not_ready' });
      whatsapp.failNext('number', { kind: 'error', code: 190, status: 401 });
      await adapter.start();
      await expect.poll(() => statuses.at(-1)).toContain('down: ');
      expect(statuses.at(-1)).toContain('error 190');
      await expect(adapter.enqueueWebhookUpdate({})).rejects.toMatchObject({ code: 'not_ready' });
      await adapter.stop();
    });
  });

  it('is up once Meta knows the number, also after a refusal that passes', async () => {
    whatsapp.failNext(
      'number',
      { kind: 'error', status: 500 },
      { kind: 'cut-before' },
      { kind: 'error', code: 4 },
    );
    const adapter = create();
    await adapter.start();
    await expect.poll(() => statuses.at(-1)).toBe('up');
    expect(whatsapp.calls[0]).toMatchObject({ version: 'v26.0', path: ids.phoneNumberId });
    await adapter.stop();
    expect(statuses.at(-1)).toBe('stopped');
  });

  it.each([
    [{ phoneNumberId: '+49 170 1234567' }, 'the id of the phone number'],
    [{ graphVersion: '26' }, 'v26.0'],
    [{ template: { name: 'My Template', language: 'en' } }, 'the name of a template'],
    [{ verifyToken: 'short' }, 'verifyToken'],
  ])('refuses a definition that cannot work: %j', (spec, part) => {
    expect(() => create(spec)).toThrow(part);
  });

  it('warns when the version of the Graph API ends', async () => {
    const clock = { ...hasty, now: () => Date.parse('2026-12-01T00:00:00Z') };
    const adapter = create({ graphVersion: 'v21.0' }, { clock });
    await adapter.start();
    expect(log.lines.map((line) => line.message).join()).toContain('ends on 2027-01-21');
    await adapter.stop();
  });
});
