import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../base/index.ts';
import { whatsappCall, whatsappMessage, whatsappStatus } from '../../../testing/whatsapp-payloads.ts';
import type { WhatsAppUserMessage } from '../../../testing/channels.ts';
import { parseWhatsAppUpdate } from './parse-update.ts';
import { readIdentityChange, readIdUpdate } from './read-identity-change.ts';
import { readStatus } from './read-status.ts';
import { splitCall } from './split-call.ts';

const ids = {
  phoneNumberId: '106540352242922',
  businessAccountId: '102290129340398',
  displayPhoneNumber: '15550783881',
};
const reader = { phoneNumberId: ids.phoneNumberId, commands: ['help', 'new'], nowMs: 1_767_000_000_000 };
const phone = '491701234567';
const scoped = 'DE.13491208655302741918';

const parse = (update: unknown) => parseWhatsAppUpdate(update, reader);
const callOf = (given: WhatsAppUserMessage) => {
  const { message, contact } = whatsappMessage('wamid.A1', given);
  return whatsappCall(ids, { contacts: [contact], messages: [message] });
};
const read = (given: WhatsAppUserMessage) => parse(callOf(given));
const typed = (type: string, inner: unknown) => read({ extra: { type, [type]: inner } });

describe('a message', () => {
  it('is normalised, with its person first by the business-scoped id', () => {
    const update = callOf({ text: ' hello 👋 ', quotes: 'wamid.Q' });
    expect(parse(update)).toEqual({
      message: {
        platform: 'whatsapp',
        account_id: ids.phoneNumberId,
        channel_id: scoped,
        user_id: scoped,
        user_aliases: [phone],
        user_name: 'Ada',
        text: 'hello 👋',
        timestamp: '2026-01-01T00:00:00.000Z',
        message_id: 'wamid.A1',
        reply_to: 'wamid.Q',
        kind: 'message',
        chat_type: 'dm',
        mentions_bot: true,
        attachments: [],
        dedupe_key: `whatsapp:${ids.phoneNumberId}:wamid.A1`,
        metadata: { raw: update },
      },
    });
  });

  it.each([
    ['a hidden number', { phone: null }, scoped, undefined],
    ['an old payload', { userId: null }, phone, undefined],
    ['a short number', { phone: '1717', userId: null }, '1717', undefined],
    ['a business-scoped id in the place of a number', { phone: scoped, userId: null }, scoped, undefined],
  ])('names its sender with %s', (_title, given, userId, aliases) => {
    expect(read({ text: 'x', ...given }).message).toMatchObject({ user_id: userId, channel_id: userId });
    expect(read({ text: 'x', ...given }).message?.user_aliases).toEqual(aliases);
  });

  it('says in words what is ordered, and what a message is about', () => {
    const product_items = [
      { product_retailer_id: 'tea', quantity: 2, item_price: 3.5, currency: 'EUR' },
      { product_retailer_id: 'cup', quantity: '1' },
      {},
    ];
    const says = (body: string, more: object) => read({ extra: { type: 'text', text: { body }, ...more } });
    const ordered = read({
      extra: { type: 'order', order: { catalog_id: '1', text: 'quick please', product_items } },
    });
    expect(ordered.message?.text).toBe('Order:\n- 2 × tea, 3.5 EUR each\n- 1 × cup\n- ×\nquick please');
    const referral = {
      headline: 'Sale',
      body: 'Half\nprice',
      source_url: 'https://fb.me/x',
      source_type: 'ad',
    };
    expect(says('more?', { referral }).message?.text).toBe(
      'more?\n[Written below an advertisement: Sale; Half price; https://fb.me/x]',
    );
    const context = { id: 'wamid.Q', referred_product: { catalog_id: '1', product_retailer_id: 'cup' } };
    expect(says('how much?', { context }).message?.text).toBe('how much?\n[About the product: cup]');
    expect(says('/new', { referral }).message).toMatchObject({
      kind: 'command',
      text: '/new',
    });
  });

  it('of a call with many people is kept with its own sender alone', () => {
    const people = ['1', '2', '3'].map((digit) =>
      whatsappMessage(`wamid.${digit}`, { phone: `4911111${digit}`, userId: null, name: digit, text: digit }),
    );
    const call = whatsappCall(ids, {
      contacts: people.map(({ contact }) => contact),
      messages: people.map(({ message }) => message),
    });
    const { events } = splitCall(call);
    expect(events.map(({ contacts }) => contacts)).toEqual(people.map(({ contact }) => [contact]));
    expect(events.map(({ raw }) => parse(raw).message?.user_name)).toEqual(['1', '2', '3']);
    for (const { raw } of events) expect(JSON.stringify(raw).length).toBeLessThan(600);
  });

  it.each([{ forwarded: true }, { frequently_forwarded: true }])(
    'says that it is passed on, and obeys no command in it: %j',
    (context) => {
      const extra = { type: 'text', text: { body: '/new' }, context };
      expect(read({ extra }).message).toMatchObject({ kind: 'message', text: 'Forwarded message:\n/new' });
    },
  );

  it('is read by what is in it where the type is missing', () => {
    const location = { latitude: 1, longitude: 2 };
    expect(read({ extra: { type: undefined, text: undefined, location } }).message?.text).toBe(
      'Location: 1, 2',
    );
  });

  it('finds its sender among several people', () => {
    const first = whatsappMessage('wamid.1', { phone: '4911111', userId: 'DE.1', name: 'Ann', text: 'a' });
    const second = whatsappMessage('wamid.2', { phone: '4922222', userId: 'DE.2', name: 'Bob', text: 'b' });
    const call = whatsappCall(ids, {
      contacts: [first.contact, second.contact],
      messages: [first.message, second.message],
    });
    const names = splitCall(call).events.map((event) => parse(event.raw).message?.user_name);
    expect(names).toEqual(['Ann', 'Bob']);
    expect(parse(call).ignored).toContain('2 events');
  });

  it.each([
    ['/help', 'command'],
    ['/new please', 'command'],
    ['/ is a slash', 'message'],
    ['see /help', 'message'],
  ])('%s is a %s', (text, kind) => {
    expect(read({ text }).message).toMatchObject({ kind, text });
  });

  it.each([
    ['button_reply', { id: '/approve ABC123', title: 'Approve' }, 'interaction', '/approve ABC123'],
    [
      'list_reply',
      { id: '/reject ABC123', title: 'Reject', description: 'x' },
      'interaction',
      '/reject ABC123',
    ],
    ['button_reply', { id: '/new', title: 'New' }, 'command', '/new'],
    ['button_reply', { id: 'opaque-id', title: 'Yes, please' }, 'message', 'Yes, please'],
    ['list_reply', { id: 'only-id' }, 'message', 'only-id'],
  ])('a %s %j is a %s', (type, reply, kind, text) => {
    expect(typed('interactive', { type, [type]: reply }).message).toMatchObject({ kind, text });
  });

  it('reads the button of a template, and what a form holds', () => {
    expect(typed('button', { payload: 'yes', text: 'Yes' }).message).toMatchObject({ text: 'Yes' });
    const form = typed('interactive', {
      type: 'nfm_reply',
      nfm_reply: { response_json: '{"a":1}', body: 'Sent' },
    });
    expect(form.message).toMatchObject({ kind: 'message', text: '{"a":1}' });
  });

  it.each([
    ['image', { caption: 'look' }, 'image', 'look'],
    ['sticker', { animated: false }, 'image', ''],
    ['audio', { voice: true }, 'audio', ''],
    ['video', {}, 'video', ''],
    ['document', { filename: 'a.pdf', caption: 'read' }, 'document', 'read'],
  ])('a message with %s keeps the id of the file', (type, more, kind, text) => {
    const media = { id: '777', mime_type: 'a/b', sha256: 'x', file_size: 12, ...more };
    expect(typed(type, media).message).toMatchObject({
      kind: 'message',
      text,
      attachments: [{ id: '777', platformRef: '777', kind, mimeType: 'a/b', sizeBytes: 12 }],
    });
  });

  it('puts places and contacts into words', () => {
    const place = { latitude: 52.52, longitude: 13.405, name: 'Café', address: 'Street\n1' };
    expect(typed('location', place).message?.text).toBe('Location: 52.52, 13.405; Café; Street 1');
    const cards = [
      { name: { formatted_name: 'Bob' }, phones: [{ phone: '+49 1' }] },
      { name: { first_name: 'Cy' } },
      null,
    ];
    expect(typed('contacts', cards).message?.text).toBe('Contact: Bob, +49 1\nContact: Cy');
  });

  it('marks reactions and edits as what they are', () => {
    expect(typed('reaction', { message_id: 'wamid.R', emoji: '👍' }).message).toMatchObject({
      kind: 'reaction',
      text: '👍',
      reply_to: 'wamid.R',
    });
    const edit = { original_message_id: 'wamid.O', message: { type: 'text', text: { body: 'better' } } };
    expect(typed('edit', edit).message).toMatchObject({ kind: 'edit', text: 'better', reply_to: 'wamid.O' });
  });

  it.each([
    ['unsupported', undefined, 'does not pass on'],
    ['system', { body: 'x' }, 'notice'],
    ['revoke', { original_message_id: 'a' }, 'taken back'],
    ['request_welcome', undefined, 'opened the chat'],
    ['hologram', {}, '"hologram"'],
    ['constructor', {}, '"constructor"'],
    ['edit', { message: { type: 'edit' } }, 'edit'],
  ])('of the type %s is ignored with a reason', (type, inner, reason) => {
    expect(typed(type, inner).ignored).toContain(reason);
  });

  it('is ignored for another number, in a group, without sender, and in another field', () => {
    const other = callOf({ text: 'x' });
    expect(parseWhatsAppUpdate(other, { ...reader, phoneNumberId: '999999' }).ignored).toContain(
      ids.phoneNumberId,
    );
    expect(read({ extra: { type: 'text', group_id: 'g1', text: { body: 'x' } } }).ignored).toContain('group');
    const nameless = { ...whatsappMessage('wamid.N', { phone: null, userId: null, text: 'x' }).message };
    expect(parse(whatsappCall(ids, { messages: [nameless] })).ignored).toContain('sender');
    expect(parse({ entry: [{ changes: [{ field: 'account_update', value: {} }] }] }).ignored).toContain(
      'account_update',
    );
    expect(parse(whatsappCall(ids, { statuses: [whatsappStatus('wamid.S', 'sent')] })).ignored).toContain(
      'status',
    );
  });

  it.each(['', 'soon', '99999999999999999', -5, 1e300, null])(
    'with the time %j has a time all the same',
    (timestamp) => {
      const { message } = read({ extra: { type: 'text', text: { body: 'x' }, timestamp } });
      expect(message?.timestamp).toBe(new Date(reader.nowMs).toISOString());
    },
  );
});

describe('a status', () => {
  it('says what became of a message, and why it failed', () => {
    const status = whatsappStatus('wamid.S', 'failed', { callbackData: 'rsp_1:0', errorCode: 131_047 });
    expect(readStatus(status as JsonObject)).toEqual({
      messageId: 'wamid.S',
      status: 'failed',
      callbackData: 'rsp_1:0',
      code: 131_047,
      reason: expect.stringMatching(/24 hours.*error 131047: Details of 131047/),
    });
    expect(readStatus(whatsappStatus('wamid.S', 'read') as JsonObject)).toMatchObject({
      status: 'read',
      code: undefined,
    });
    expect(readStatus(whatsappStatus('wamid.S', 'warning') as JsonObject)).toBeUndefined();
  });
});

describe('a change of ids', () => {
  const notice = (system: object, more: object = {}) => ({
    type: 'system',
    from: '4911111',
    ...more,
    system,
  });

  it.each([
    [
      notice({ type: 'user_changed_number', wa_id: '4922222', user_id: 'DE.2', previous_user_id: 'DE.1' }),
      { scoped: 'DE.1', phone: '4911111' },
      { scoped: 'DE.2', phone: '4922222' },
    ],
    [
      notice({ type: 'user_changed_user_id', user_id: 'DE.2' }, { from_user_id: 'DE.1' }),
      { scoped: 'DE.1', phone: '4911111' },
      { scoped: 'DE.2', phone: undefined },
    ],
    [
      notice({ type: 'customer_changed_number', customer: '4911111', new_wa_id: '4922222' }),
      { scoped: undefined, phone: '4911111' },
      { scoped: undefined, phone: '4922222' },
    ],
  ])('is read from %j', (message, previous, next) => {
    expect(readIdentityChange(message as JsonObject)).toMatchObject({ previous, next });
  });

  it('is read from the field of its own', () => {
    const item = { wa_id: '4922222', user_id: { previous: 'DE.1', current: 'DE.2' }, timestamp: '1' };
    expect(readIdUpdate(item)).toMatchObject({
      previous: { scoped: 'DE.1', phone: undefined },
      next: { scoped: 'DE.2', phone: '4922222' },
    });
    const odd: readonly JsonObject[] = [
      {},
      { user_id: null },
      { user_id: { previous: 'DE.1' } },
      { user_id: { current: 'DE.2' } },
    ];
    for (const one of odd) expect(readIdUpdate(one)).toBeUndefined();
  });

  it('is not read from other notices', () => {
    expect(readIdentityChange(notice({ type: 'customer_identity_changed' }) as JsonObject)).toBeUndefined();
    expect(readIdentityChange({ type: 'text', from: '4911111' })).toBeUndefined();
  });
});

describe('reading', () => {
  const complete = [
    callOf({ text: 'hello', quotes: 'wamid.Q' }),
    callOf({ extra: { type: 'image', image: { id: '7', mime_type: 'a/b', caption: 'c' } } }),
    callOf({
      extra: {
        type: 'interactive',
        interactive: { type: 'button_reply', button_reply: { id: '/approve A', title: 'A' } },
      },
    }),
    callOf({
      extra: { type: 'contacts', contacts: [{ name: { formatted_name: 'B' }, phones: [{ phone: '1' }] }] },
    }),
    callOf({ extra: { type: 'location', location: { latitude: 1, longitude: 2, name: 'n' } } }),
    callOf({
      extra: {
        type: 'edit',
        edit: { original_message_id: 'o', message: { type: 'text', text: { body: 'x' } } },
      },
    }),
    callOf({ extra: { type: 'reaction', reaction: { message_id: 'm', emoji: '👍' } } }),
    callOf({
      extra: {
        type: 'system',
        system: { type: 'user_changed_number', wa_id: '4922222', previous_user_id: 'DE.1' },
      },
    }),
    whatsappCall(ids, {
      statuses: [whatsappStatus('wamid.S', 'failed', { callbackData: 'k', errorCode: 131_047 })],
    }),
  ];
  const everything = (update: unknown): void => {
    const parsed = parse(update);
    expect(parsed.message !== undefined || typeof parsed.ignored === 'string').toBe(true);
    for (const { item } of splitCall(update).events) {
      readStatus(item);
      readIdentityChange(item);
    }
  };

  it('never crashes when any part is missing, null, huge or something else', () => {
    const odd: readonly unknown[] = [
      undefined,
      null,
      '',
      'x'.repeat(100_000),
      -1,
      1e300,
      Number.NaN,
      true,
      [],
      {},
      [null],
      { toString: 1, length: -1 },
      [[]],
    ];
    for (const whole of complete) {
      const paths: (readonly string[])[] = [];
      const collect = (value: unknown, path: readonly string[]): void => {
        if (path.length > 0) paths.push(path);
        if (value !== null && typeof value === 'object') {
          for (const [key, inner] of Object.entries(value)) collect(inner, [...path, key]);
        }
      };
      collect(whole, []);
      for (const path of paths) {
        const parentOf = (update: Record<string, unknown>) =>
          path.slice(0, -1).reduce((parent, key) => parent[key] as Record<string, unknown>, update);
        const without = structuredClone(whole);
        delete parentOf(without)[path.at(-1) ?? ''];
        everything(without);
        for (const value of odd) {
          const update = structuredClone(whole);
          const parent = parentOf(update);
          parent[path.at(-1) ?? ''] = value;
          parent['newer_field'] = { nested: [value] };
          everything(update);
        }
      }
    }
  });

  it('never crashes on anything at all', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (update, inner) => {
        everything(update);
        everything(whatsappCall(ids, { messages: [inner as never], contacts: [inner as never] }));
        everything(whatsappCall(ids, { statuses: [inner as never] }));
      }),
    );
  });
});
