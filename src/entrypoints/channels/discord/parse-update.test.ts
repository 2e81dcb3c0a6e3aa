import { describe, expect, it } from 'vitest';
import { discordPayloads as payloads } from '../../../testing/discord-payloads.ts';
import { parseDiscordUpdate } from './parse-update.ts';

const context = {
  applicationId: '900000000000000001',
  botId: '900000000000000001',
  nowMs: 1_795_000_000_000,
  ownCommands: new Set(['help', 'approve', 'answer']),
  bots: ['800000000000000001'],
  parentOf: (id: string) => (id === '700000000000000009' ? '700000000000000001' : undefined),
  roleOn: (id: string) => (id === '600000000000000001' ? '650000000000000001' : undefined),
};
const parse = (update: unknown) => parseDiscordUpdate(update, context);
const messageOf = (update: unknown) => parse(update).message ?? { text: `ignored: ${parse(update).ignored}` };

describe('reading what Discord sends', () => {
  it.each([
    ['command', payloads.command, { text: '/deploy env=prod force=true count=3', kind: 'command' }],
    ['subcommand', payloads.subcommand, { text: '/role member add who=500000000000000009', kind: 'command' }],
    ['file', payloads.fileCommand, { text: '/read file=report.pdf', attachments: [{ name: 'report.pdf' }] }],
    ['menu', payloads.messageMenu, { text: '/Translate target=820000000000000001 \nGuten Tag' }],
    ['button', payloads.button, { text: '/approve ABC123', kind: 'interaction' }],
    ['select', payloads.select, { text: 'colour red blue', kind: 'interaction' }],
    ['form', payloads.form, { text: 'feedback title=Good body=Very good', kind: 'interaction' }],
    [
      'private command',
      payloads.privateCommand,
      { text: '/help', chat_type: 'dm', user_name: 'Ada Lovelace' },
    ],
    [
      'command in a thread',
      payloads.threadCommand,
      {
        text: 'hello there',
        kind: 'message',
        channel_id: '700000000000000001',
        thread_id: '700000000000000009',
      },
    ],
    ['direct message', payloads.directMessage, { text: 'hello 👋', kind: 'message', chat_type: 'dm' }],
    [
      'mention',
      payloads.groupMention,
      {
        text: 'ask @Bob about it',
        mentions_bot: true,
        user_name: 'Ada Lovelace',
        attachments: [{ kind: 'image' }],
      },
    ],
    ['reply', payloads.reply, { text: 'and then?', mentions_bot: true, reply_to: '1400000000000000018' }],
  ])('%s', (_name, update, expected) => {
    expect(messageOf(update)).toMatchObject({ account_id: context.applicationId, ...expected });
  });

  it('keeps the structure of a command in its metadata, and its token nowhere', () => {
    const message = messageOf(payloads.subcommand);
    expect(message).toMatchObject({
      guild_id: '600000000000000001',
      metadata: {
        interaction: {
          name: 'role',
          subcommands: ['member', 'add'],
          options: [{ path: ['member', 'add'], name: 'who', value: '500000000000000009' }],
        },
      },
    });
    expect(JSON.stringify(message)).not.toContain(payloads.subcommand.token);
  });

  it('writes the options of its own commands without their names', () => {
    const data = {
      name: 'answer',
      options: [
        { name: 'code', value: 'AB' },
        { name: 'text', value: 'seven it is' },
      ],
    };
    expect(messageOf({ ...payloads.command, data }).text).toBe('/answer AB seven it is');
  });

  it.each([
    [payloads.ping, 'interaction without user'],
    [payloads.autocomplete, 'not handled'],
    [{ ...payloads.command, application_id: '1' }, 'another application'],
    [
      { ...payloads.directMessage, d: { ...payloads.directMessage.d, author: { id: '1', bot: true } } },
      'from a bot',
    ],
    [{ ...payloads.directMessage, d: { ...payloads.directMessage.d, webhook_id: '1' } }, 'from a bot'],
    [{ t: 'TYPING_START', d: {} }, 'not handled'],
  ])('leaves out what is no message: %#', (update, reason) => {
    expect(parse(update).ignored).toContain(reason);
  });

  it('listens to a bot that is listed, and says that it is one', () => {
    const { d } = payloads.directMessage;
    const bot = (id: string) => parse({ ...payloads.directMessage, d: { ...d, author: { id, bot: true } } });
    expect(bot('800000000000000001').message).toMatchObject({
      user_id: '800000000000000001',
      from_bot: true,
    });
    expect(bot('800000000000000002').ignored).toBe('a message from a bot');
    expect(bot(context.botId).ignored).toBe('a message of its own');
  });

  it('reads what a person passes on, asks in a poll or answers', () => {
    const { d } = payloads.directMessage;
    const file = { id: '5', filename: 'a.pdf', url: 'https://cdn.discordapp.com/a.pdf' };
    const snapshot = {
      content: 'old <@9> news',
      mentions: [{ id: '9', username: 'bo' }],
      attachments: [file],
    };
    const reference = { type: 1, message_id: '77' };
    const passedOn = {
      ...d,
      content: '',
      message_snapshots: [{ message: snapshot }],
      message_reference: reference,
    };
    expect(messageOf(passedOn)).toMatchObject({
      kind: 'message',
      text: 'Forwarded message:\nold @bo news',
      attachments: [{ id: '5', name: 'a.pdf' }],
    });
    expect(messageOf(passedOn)).not.toHaveProperty('reply_to');
    const answers = [{ poll_media: { text: 'yes' } }, { poll_media: { emoji: { name: '👍' } } }, null];
    expect(messageOf({ ...d, content: '', poll: { question: { text: 'Tea?' }, answers } }).text).toBe(
      'Poll: Tea?\n- yes',
    );
    const referenced_message = { author: { id: '9', username: 'bo', global_name: 'Bo' }, content: 'Tea?' };
    expect(messageOf({ ...d, referenced_message })).toMatchObject({
      quoted: { user_name: 'Bo', text: 'Tea?' },
    });
    const own = { ...referenced_message, author: { id: context.botId } };
    for (const nothing of [null, undefined, 7, own])
      expect(messageOf({ ...d, referenced_message: nothing })).not.toHaveProperty('quoted');
  });

  it('brings along the files of another person that it answers on a server', () => {
    const { d } = payloads.groupMention;
    const file = { id: '5', filename: 'a.png', content_type: 'image/png' };
    const referenced_message = { author: { id: '9', username: 'bo' }, content: '', attachments: [file] };
    const ask = (more: object) => messageOf({ ...d, attachments: [], referenced_message, ...more });
    expect(ask({})).toMatchObject({ attachments: [{ id: '5', name: 'a.png' }] });
    expect(ask({ guild_id: undefined })).toMatchObject({ attachments: [] });
    const own = { ...referenced_message, author: { id: context.botId } };
    expect(ask({ referenced_message: own })).toMatchObject({ attachments: [] });
  });

  it('turns symbols, commands and times into what a person reads', () => {
    const { d } = payloads.directMessage;
    const content = '<a:wave:123> <:ok:1> </role add:55> <t:0:R> <t:99999999999999> <#12> <@!7>';
    expect(messageOf({ ...d, content }).text).toBe(
      ':wave: :ok: /role add 1970-01-01T00:00:00.000Z <t:99999999999999> <#12> <@!7>',
    );
  });

  it('is addressed by the role that the server made for it', () => {
    const { d } = payloads.groupMention;
    const guild = { ...d, mentions: [], guild_id: '600000000000000001' };
    const own = '650000000000000001';
    const said = messageOf({ ...guild, content: `<@&${own}> hello`, mention_roles: [own] });
    expect(said).toMatchObject({ mentions_bot: true, text: 'hello' });
    expect(messageOf({ ...guild, content: '<@&6> hello', mention_roles: ['6'] })).toMatchObject({
      mentions_bot: false,
      text: '<@&6> hello',
    });
  });

  it('reads embeds and text displays of bots that are listened to, and of people only what they wrote', () => {
    const { d } = payloads.directMessage;
    const embeds = [
      {
        title: 'Build 7',
        url: 'https://ci.example/7',
        description: 'failed',
        fields: [{ name: 'on', value: 'main' }],
      },
    ];
    const components = [{ type: 17, components: [{ type: 10, content: 'see **log**' }, { type: 1 }] }];
    const author = { id: '800000000000000001', bot: true };
    expect(messageOf({ ...d, author, content: '', embeds, components }).text).toBe(
      'Build 7 (https://ci.example/7)\nfailed\non: main\nsee **log**',
    );
    expect(messageOf({ ...d, content: 'look', embeds }).text).toBe('look');
  });

  it.each(['', 'a\0b', '\ud800', 'a b', 'x'.repeat(1001), 7])(
    'is no interaction with the token %j',
    (token) => {
      expect(parse({ ...payloads.command, token }).ignored).toBeDefined();
    },
  );

  it('does not take a message for private whose server cannot be read', () => {
    const { d } = payloads.groupMention;
    expect(parse({ t: 'MESSAGE_CREATE', d: { ...d, guild_id: 6 } }).ignored).toBeDefined();
    expect(parse({ ...payloads.command, guild_id: {} }).ignored).toBeDefined();
  });

  it('starts nothing on what people did not write', () => {
    const { d } = payloads.directMessage;
    expect(messageOf({ ...d, type: 7 })).toMatchObject({ kind: 'status' });
    expect(messageOf({ ...d, content: '', guild_id: '6' })).toMatchObject({ kind: 'status' });
  });

  it('survives every missing, null, huge or unknown field', () => {
    const odd = [undefined, null, 0, -1, 1e308, '', 'x'.repeat(100_000), [], {}, [[[]]], true, { id: {} }];
    let seen = 0;
    const visit = (root: unknown, node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      const object = node as Record<string, unknown>;
      for (const key of Object.keys(object)) {
        const before = object[key];
        for (const value of odd) {
          object[key] = value;
          const { message, ignored } = parse(root);
          expect(message?.dedupe_key ?? ignored).toEqual(expect.any(String));
          if (message !== undefined) expect(Number.isNaN(Date.parse(message.timestamp))).toBe(false);
          seen += 1;
        }
        object[key] = before;
        visit(root, before);
      }
      object['field_of_next_year'] = { deep: [1] };
      expect(() => parse(root)).not.toThrow();
      delete object['field_of_next_year'];
    };
    for (const payload of Object.values(payloads)) {
      const copy = structuredClone(payload) as unknown;
      visit(copy, copy);
    }
    expect(seen).toBeGreaterThan(1000);
  });
});
