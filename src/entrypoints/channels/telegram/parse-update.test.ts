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
    expect(say({ location: { latitude: 1, longitude: 2 } })).toMatchObject({ kind: 'message', text: '' });
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
