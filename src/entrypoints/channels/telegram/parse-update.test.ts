import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTelegramUpdate } from './parse-update.ts';

const bot = { id: '42', username: 'Helper_Bot' };
const now = Date.UTC(2026, 0, 1);
const from = { id: 7, is_bot: false, first_name: 'Ann', last_name: 'Lee' };
const complete = {
  update_id: 9,
  message: {
    message_id: 3,
    date: 1_767_225_600,
    chat: { id: -5, type: 'supergroup' },
    from,
    text: '@helper_bot what now?',
    entities: [{ type: 'mention', offset: 0, length: 11 }],
    message_thread_id: 12,
    is_topic_message: true,
    reply_to_message: { message_id: 2, from: { id: 42, is_bot: true } },
    document: { file_id: 'f', file_name: 'a.pdf', mime_type: 'application/pdf', file_size: 10 },
  },
};
const parse = (update: unknown) => parseTelegramUpdate(update, bot, now);
const say = (message: object) =>
  parse({ update_id: 1, message: { message_id: 1, chat: { id: 7, type: 'private' }, from, ...message } })
    .message;

describe('a Telegram update', () => {
  it('becomes a message with everything that the platform tells', () => {
    expect(parse(complete)).toEqual({
      message: {
        platform: 'telegram',
        account_id: '42',
        channel_id: '-5',
        user_id: '7',
        user_name: 'Ann Lee',
        text: 'what now?',
        timestamp: '2026-01-01T00:00:00.000Z',
        thread_id: '12',
        message_id: '3',
        reply_to: '2',
        kind: 'message',
        chat_type: 'group',
        mentions_bot: true,
        attachments: [
          {
            id: 'f',
            kind: 'document',
            platformRef: 'f',
            mimeType: 'application/pdf',
            name: 'a.pdf',
            sizeBytes: 10,
          },
        ],
        dedupe_key: 'telegram:42:9',
        metadata: { raw: complete },
      },
    });
  });

  it.each([
    ['/new', 'command', '/new'],
    ['/new@helper_bot now', 'command', '/new now'],
    ['/new@other_bot', 'message', '/new@other_bot'],
    ['/ new', 'message', '/ new'],
    ['say /new', 'message', 'say /new'],
  ])('%j is a %s', (text, kind, expected) => {
    expect(say({ text })).toMatchObject({ kind, text: expected });
  });

  it('knows service messages, the largest photo and a caption', () => {
    expect(say({ new_chat_title: 'x' })).toMatchObject({ kind: 'status' });
    const photo = [{ file_id: 'small' }, { file_id: 'large' }];
    expect(say({ photo, caption: 'look' })).toMatchObject({
      kind: 'message',
      text: 'look',
      attachments: [{ id: 'large' }],
    });
  });

  it.each([
    [{ location: { latitude: 1, longitude: 2 } }, 'Location: 1, 2'],
    [
      { location: {}, venue: { location: { latitude: 1, longitude: 2 }, title: 'Inn', address: 'Road 1' } },
      'Location: 1, 2; Inn; Road 1',
    ],
    [{ contact: { first_name: 'Bo', phone_number: '+49 1' } }, 'Contact: Bo, +49 1'],
    [{ poll: { question: 'Tea?', options: [{ text: 'yes' }, { text: 'no' }] } }, 'Poll: Tea?\n- yes\n- no'],
    [{ checklist: { title: 'Buy', tasks: [{ id: 1, text: 'tea' }] } }, 'Checklist: Buy\n- tea'],
    [{ dice: { emoji: '🎲', value: 4 } }, '🎲 4'],
    [{ web_app_data: { data: '{"a":1}', button_text: 'Go' } }, '{"a":1}'],
    [{ paid_media: { star_count: 1 }, caption: 'mine' }, 'mine'],
    [
      {
        rich_message: {
          blocks: [
            { type: 'heading', text: 'Title' },
            { type: 'paragraph', text: ['see ', { type: 'url', text: 'this', url: 'https://a.example' }] },
            { type: 'list', items: [{ label: '1.', blocks: [{ type: 'paragraph', text: 'one' }] }] },
          ],
        },
      },
      'Title\nsee this (https://a.example)\n1. one',
    ],
    [{ story: { id: 1 } }, ''],
  ])('says in words what has no text: %#', (given, text) => {
    expect(say(given)).toMatchObject({ kind: 'message', text });
  });

  it('shows the addresses of links behind their words, counted in UTF-16 units', () => {
    const link = { type: 'text_link', url: 'https://a.example/x' };
    const text = '👍 see this, a.example/x';
    const entities = [{ ...link, offset: 13, length: 11 }, { ...link, offset: 7, length: 4 }, { type: 5 }];
    expect(say({ text, entities })?.text).toBe('👍 see this (https://a.example/x), a.example/x');
    const odd = [
      { ...link, offset: 20, length: 900 },
      { ...link, offset: 0, length: 2 },
      { ...link, offset: 1, length: 3 },
    ];
    expect(say({ text: 'ok then', entities: odd })?.text).toBe('ok (https://a.example/x) then');
  });

  it('takes out its own name, and leaves addresses that only contain it', () => {
    const text = '@helper_bot write to a@helper_bot.example, not @helper_bots';
    expect(say({ text })?.text).toBe('write to a@helper_bot.example, not @helper_bots');
  });

  it('tells what is answered or quoted, unless the bot said it', () => {
    const reply_to_message = { message_id: 2, from: { id: 8, first_name: 'Bo' }, text: 'two\nlines' };
    const own = { ...reply_to_message, from: { id: 42, first_name: 'Helper' } };
    expect(say({ text: 'why?', reply_to_message })?.quoted).toEqual({ user_name: 'Bo', text: 'two\nlines' });
    expect(say({ text: 'why?', reply_to_message: own })?.quoted).toBeUndefined();
    expect(say({ text: 'why?', reply_to_message: own, quote: { text: 'lines' } })?.quoted?.text).toBe(
      'lines',
    );
    expect(say({ text: 'why?', quote: { text: 'from elsewhere' } })?.quoted).toEqual({
      text: 'from elsewhere',
    });
  });

  it('brings along the files of another person that it answers in a group', () => {
    const photo = [{ file_id: 'small' }, { file_id: 'large' }];
    const reply_to_message = { message_id: 2, from: { id: 8, first_name: 'Bo' }, photo };
    const chat = { id: -5, type: 'group' };
    const ask = (more: object) => say({ text: '@helper_bot what is this?', chat, reply_to_message, ...more });
    expect(ask({})?.attachments).toMatchObject([{ id: 'large', kind: 'image' }]);
    expect(ask({ chat: { id: 7, type: 'private' } })?.attachments).toEqual([]);
    expect(ask({ reply_to_message: { ...reply_to_message, from: { id: 42 } } })?.attachments).toEqual([]);
  });

  it('says of what is passed on that somebody else wrote it, and obeys no command in it', () => {
    const forward = (origin: object, text = '/new start') =>
      say({ text, forward_origin: { date: 1, ...origin } });
    expect(forward({ type: 'user', sender_user: { id: 8, first_name: 'Bo' } })).toMatchObject({
      kind: 'message',
      text: 'Forwarded message of Bo:\n/new start',
    });
    expect(forward({ type: 'hidden_user', sender_user_name: 'Cy' })?.text).toMatch(
      /^Forwarded message of Cy:/,
    );
    expect(forward({ type: 'channel', chat: { id: -9, title: 'News' } })?.text).toMatch(/of News:/);
    expect(forward({ type: 'newer' })?.text).toBe('Forwarded message:\n/new start');
    expect(say({ photo: [{ file_id: 'a' }], forward_origin: { type: 'user' } })?.text).toBe('');
  });

  it('names the channel whose post is answered, and has a moving picture once', () => {
    const from_channel = {
      message_id: 2,
      from: { id: 777_000, first_name: 'Telegram' },
      sender_chat: { id: -9, title: 'News' },
    };
    expect(say({ text: 'why?', reply_to_message: { ...from_channel, text: 'post' } })?.quoted).toEqual({
      user_name: 'News',
      text: 'post',
    });
    const file = { file_id: 'g', mime_type: 'video/mp4' };
    expect(say({ animation: file, document: file })?.attachments).toMatchObject([{ id: 'g', kind: 'video' }]);
  });

  it('is no reply to the bot for standing in a topic that the bot began', () => {
    const reply_to_message = { message_id: 12, from: { id: 42, is_bot: true }, forum_topic_created: {} };
    const topic = { chat: { id: -5, type: 'supergroup' }, is_topic_message: true, message_thread_id: 12 };
    const said = say({ text: 'hello all', reply_to_message, ...topic });
    expect(said).toMatchObject({ mentions_bot: false, thread_id: '12' });
    expect(said).not.toHaveProperty('reply_to');
  });

  it('comes from the group where an admin stays anonymous', () => {
    const chat = { id: -5, type: 'supergroup', title: 'Team' };
    const anonymous = { id: 1_087_968_824, is_bot: true, first_name: 'Group' };
    const said = say({
      text: '@helper_bot go',
      chat,
      from: anonymous,
      sender_chat: chat,
      author_signature: 'boss',
    });
    expect(said).toMatchObject({ user_id: '-5', user_name: 'boss', text: 'go' });
    expect(say({ text: 'x', chat, from: anonymous })).toBeUndefined();
  });

  it('is not for this bot when it is a command for another one, a post of a channel or to it', () => {
    const chat = { id: -5, type: 'supergroup' };
    const ignored = (message: object) =>
      parse({ update_id: 1, message: { message_id: 1, chat, from, ...message } });
    expect(ignored({ text: '/new@other_bot' })).toEqual({ ignored: 'a command for another bot' });
    expect(ignored({ text: 'x', is_automatic_forward: true, from: { id: 777_000, is_bot: false } })).toEqual({
      ignored: 'a post of the linked channel',
    });
    expect(ignored({ text: 'x', chat: { ...chat, is_direct_messages: true } })).toEqual({
      ignored: 'a direct message to a channel',
    });
  });

  it('names the topic, and the general one of a forum, and nothing where replies only look like topics', () => {
    const forum = { id: -5, type: 'supergroup', is_forum: true };
    const topic = { message_thread_id: 12 };
    expect(say({ text: 'x', chat: forum, ...topic, is_topic_message: true })?.thread_id).toBe('12');
    expect(say({ text: 'x', chat: forum })?.thread_id).toBe('1');
    expect(say({ text: 'x', chat: { ...forum, is_forum: false }, ...topic })?.thread_id).toBeUndefined();
    expect(say({ text: 'x', ...topic, is_topic_message: true })?.thread_id).toBe('12');
  });

  it('tells which pictures are one album', () => {
    expect(say({ photo: [{ file_id: 'a' }], media_group_id: '77' })).toMatchObject({ album_id: '77' });
    expect(say({ photo: [{ file_id: 'a' }] })).not.toHaveProperty('album_id');
  });

  it('is a stop where the button below a draft was pressed, in private chats', () => {
    const chat = { id: 7, type: 'private' };
    const stop = (given: unknown) => parse({ update_id: 4, stopped_message_generation: given });
    expect(stop({ chat, draft_id: 5, message_thread_id: 3 }).message).toMatchObject({
      kind: 'interaction',
      text: '/stop',
      user_id: '7',
      channel_id: '7',
      thread_id: '3',
      chat_type: 'dm',
      dedupe_key: 'telegram:42:4',
    });
    for (const odd of [null, {}, [], 'x', { chat: null }, { chat: { id: -5, type: 'supergroup' } }])
      expect(stop(odd)).toEqual({ ignored: expect.any(String) });
  });

  it.each([
    [{ update_id: 1, edited_message: complete.message }],
    [{ update_id: 1, message: { ...complete.message, from: { ...from, is_bot: true } } }],
    [{ update_id: 1, message: { ...complete.message, chat: { id: 1, type: 'channel' } } }],
    [{ message: complete.message }],
    [null],
    ['text'],
    [[]],
  ])('is ignored with a reason: %#', (update) => {
    expect(parse(update)).toEqual({ ignored: expect.any(String) });
  });

  it('never crashes when any part of it is missing, null, huge or something else', () => {
    const paths: (readonly string[])[] = [];
    const collect = (value: unknown, path: readonly string[]): void => {
      if (path.length > 0) paths.push(path);
      if (value !== null && typeof value === 'object') {
        for (const [key, inner] of Object.entries(value)) collect(inner, [...path, key]);
      }
    };
    collect(complete, []);
    const odd = [undefined, null, '', 'x'.repeat(100_000), -1, 1e300, Number.NaN, true, [], {}, [null], [[]]];
    for (const path of paths) {
      for (const value of odd) {
        const update = structuredClone(complete) as Record<string, unknown>;
        let parent = update;
        for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, unknown>;
        parent[path.at(-1) ?? ''] = value;
        const parsed = parse(update);
        expect(parsed.message !== undefined || typeof parsed.ignored === 'string').toBe(true);
      }
    }
  });

  it('never crashes on anything at all', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (update, message) => {
        for (const given of [update, { update_id: 1, message }]) {
          const parsed = parse(given);
          expect(parsed.message !== undefined || typeof parsed.ignored === 'string').toBe(true);
        }
      }),
    );
  });
});
