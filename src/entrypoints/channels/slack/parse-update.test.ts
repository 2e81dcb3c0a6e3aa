import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slackEvent, slackMessageEvents } from '../../../testing/slack-payloads.ts';
import { parseSlackUpdate } from './parse-update.ts';
import type { SlackReader } from './slack-update.ts';

const ids = { teamId: 'T1', appId: 'A1', botUserId: 'UBOT' };
const reader: SlackReader = {
  accountId: 'T1',
  userId: 'UBOT',
  botId: 'BBOT',
  allowBots: ['BGOOD'],
  commands: ['help', 'new', 'stop', 'agent'],
  nowMs: Date.UTC(2026, 0, 1),
};
const parse = (update: unknown, more: Partial<SlackReader> = {}) =>
  parseSlackUpdate(update, { ...reader, ...more });
const event = (extra: object, more?: Partial<SlackReader>) =>
  parse(
    slackEvent(ids, 'Ev1', {
      type: 'message',
      channel: 'C1',
      channel_type: 'channel',
      user: 'U7',
      text: 'hello',
      ts: '1767225600.000100',
      ...extra,
    }),
    more,
  );

const complete = slackEvent(ids, 'Ev1', {
  type: 'message',
  subtype: 'file_share',
  channel: 'C1',
  channel_type: 'channel',
  user: 'U7',
  user_profile: { display_name: 'Ann', real_name: 'Ann Lee' },
  text: '<@UBOT> see <https://x.y/?a=1&amp;b=2|the page>, <@U8|bob>, <#C9|general> &lt;b&gt; <!here>',
  ts: '1767225600.000100',
  thread_ts: '1767225500.000200',
  parent_user_id: 'U7',
  files: [
    {
      id: 'F1',
      name: 'a.png',
      mimetype: 'image/png',
      size: 10,
      url_private: 'https://files.slack.com/a.png',
    },
  ],
  blocks: [{ type: 'rich_text', elements: [] }],
});
const press = {
  type: 'block_actions',
  user: { id: 'U7', username: 'ann', team_id: 'T1' },
  api_app_id: 'A1',
  container: { type: 'message', message_ts: '1.2', channel_id: 'C1', thread_ts: '1.1', is_ephemeral: false },
  trigger_id: '12.34.abc',
  team: { id: 'T1', domain: 'x' },
  channel: { id: 'C1', name: 'general' },
  message: { ts: '1.2', thread_ts: '1.1', text: 'x' },
  response_url: 'https://hooks.slack.com/actions/T1/1/x',
  actions: [
    { action_id: 'agent33:0', block_id: 'b', type: 'button', value: '/approve ABC123', action_ts: '1.3' },
  ],
};
const slash = {
  team_id: 'T1',
  channel_id: 'C1',
  channel_name: 'general',
  user_id: 'U7',
  user_name: 'ann',
  command: '/agent33',
  text: 'what now?',
  api_app_id: 'A1',
  response_url: 'https://hooks.slack.com/commands/T1/1/x',
  trigger_id: '12.34.abc',
};

describe('an update of Slack', () => {
  it('becomes a message with everything that the platform tells', () => {
    expect(parse(complete)).toEqual({
      message: {
        platform: 'slack',
        account_id: 'T1',
        channel_id: 'C1',
        guild_id: 'T1',
        user_id: 'U7',
        user_name: 'Ann',
        text: 'see the page (https://x.y/?a=1&b=2), @bob, #general <b> @here',
        timestamp: '2026-01-01T00:00:00.000Z',
        thread_id: '1767225500.000200',
        message_id: '1767225600.000100',
        reply_to: '1767225500.000200',
        kind: 'message',
        chat_type: 'channel',
        mentions_bot: true,
        attachments: [
          {
            id: 'F1',
            kind: 'image',
            platformRef: 'F1',
            mimeType: 'image/png',
            name: 'a.png',
            sizeBytes: 10,
            url: 'https://files.slack.com/a.png',
          },
        ],
        dedupe_key: 'slack:T1:C1:1767225600.000100',
        metadata: { raw: complete },
      },
    });
  });

  it('is one message although a mention comes as two events', () => {
    const [plain, mention] = slackMessageEvents(ids, '1767225600.000100', {
      channel: 'C1',
      text: 'hi',
      mention: true,
    }).map((given, index) => parse(slackEvent(ids, `Ev${index}`, given)).message);
    expect(plain).toMatchObject({ text: 'hi', mentions_bot: true, chat_type: 'channel' });
    expect({ ...plain, metadata: {} }).toEqual({ ...mention, metadata: {} });
  });

  it('knows its bot by the event itself when Slack has not told yet', () => {
    const unknown = { userId: undefined, botId: undefined };
    expect(event({ text: '<@UBOT> hi' }, unknown).message).toMatchObject({ mentions_bot: true, text: 'hi' });
    expect(event({ user: 'UBOT' }, unknown).ignored).toBe('a message of its own');
    expect(event({ bot_id: 'BX', app_id: 'A1' }, { ...unknown, allowBots: ['BX'] }).ignored).toBe(
      'a message of its own',
    );
  });

  it.each([
    ['its own, by user', { user: 'UBOT' }],
    ['its own, by bot', { bot_id: 'BBOT' }],
    ['another bot', { bot_id: 'BOTHER' }],
    ['a bot message without a bot', { subtype: 'bot_message', user: undefined }],
    ['an edit', { subtype: 'message_changed', message: { text: 'x' } }],
    ['a deletion', { subtype: 'message_deleted' }],
    ['a join', { subtype: 'channel_join' }],
    ['a join of a group', { subtype: 'group_join' }],
    ['a kind that is newer than we are', { subtype: 'telepathy' }],
    ['hidden', { hidden: true }],
    ['without sender', { user: null }],
    ['without time', { ts: 'soon' }],
    ['without channel', { channel: undefined }],
  ])('is ignored with a reason: %s', (_title, extra) => {
    expect(event(extra)).toEqual({ ignored: expect.any(String) });
  });

  it('listens to a bot that is listed, and says that it is one', () => {
    const { message } = event({
      subtype: 'bot_message',
      bot_id: 'BGOOD',
      user: undefined,
      username: 'Deploy',
    });
    expect(message).toMatchObject({ user_id: 'BGOOD', user_name: 'Deploy', from_bot: true });
    const other = event({ bot_id: 'BX', app_id: 'AX', user: 'UX' }, { allowBots: ['AX'] }).message;
    expect(other).toMatchObject({ user_id: 'UX', user_aliases: ['BX', 'AX'], from_bot: true });
    expect(event({ bot_id: 'BBOT', user: 'UBOT' }, { allowBots: ['BBOT', 'UBOT'] }).ignored).toBeDefined();
  });

  it.each([
    [
      { channel: 'D1', channel_type: 'im' },
      { chat_type: 'dm', mentions_bot: true },
    ],
    [
      { channel: 'D1', channel_type: undefined },
      { chat_type: 'dm', mentions_bot: true },
    ],
    [
      { channel: 'G1', channel_type: 'mpim' },
      { chat_type: 'group', mentions_bot: false },
    ],
    [
      { channel: 'G1', channel_type: 'group' },
      { chat_type: 'channel', mentions_bot: false },
    ],
    [
      { thread_ts: '1.1', parent_user_id: 'UBOT' },
      { thread_id: '1.1', mentions_bot: true },
    ],
    [{ text: '<@UBOT> /new' }, { kind: 'command', text: '/new' }],
    [{ text: '<@UBOT|agent> /approve ABC123 fine' }, { kind: 'command', text: '/approve ABC123 fine' }],
    [{ text: 'a/b' }, { kind: 'message' }],
    [{ text: '<@UBOTTOM> hi' }, { mentions_bot: false, text: '@UBOTTOM hi' }],
  ])('%j becomes %j', (extra, expected) => {
    expect(event(extra).message).toMatchObject(expected);
  });

  it.each([
    ['/agent33', 'stop', 'command', '/stop'],
    ['/agent33', '/new', 'command', '/new'],
    ['/agent33', 'new ideas', 'message', 'new ideas'],
    ['/agent33', 'agent support', 'command', '/agent support'],
    ['/agent33', 'agent 007 was here', 'message', 'agent 007 was here'],
    ['/agent33', 'approve abc123 looks good', 'command', '/approve abc123 looks good'],
    ['/agent33', 'answer letter from Bob', 'message', 'answer letter from Bob'],
    ['/agent33', '', 'command', '/help'],
    ['/stop', '', 'command', '/stop'],
    ['/agent33', 'what now?', 'message', 'what now?'],
  ])('slash command %s %s is a %s', (command, text, kind, expected) => {
    expect(parse({ ...slash, command, text }).message).toMatchObject({
      kind,
      text: expected,
      mentions_bot: true,
      dedupe_key: 'slack:T1:command:12.34.abc',
      user_name: 'ann',
    });
  });

  it('reads a pressed button of ours, and no other', () => {
    expect(parse(press).message).toMatchObject({
      kind: 'interaction',
      text: '/approve ABC123',
      user_id: 'U7',
      channel_id: 'C1',
      thread_id: '1.1',
      message_id: '1.2',
      dedupe_key: 'slack:T1:action:12.34.abc',
    });
    const [action] = press.actions;
    expect(parse({ ...press, actions: [{ ...action, action_id: 'other' }] }).ignored).toBeDefined();
  });

  it('reads a message that is passed on, with its files, and no previews of links', () => {
    const file = { id: 'F7', name: 'b.pdf', mimetype: 'application/pdf' };
    const share = {
      is_share: true,
      author_name: 'Bo',
      text: 'see <https://x.y|this>',
      fallback: 'no',
      files: [file],
    };
    const preview = { title: 'X', text: 'a page about x', from_url: 'https://x.y' };
    expect(event({ text: '', attachments: [share, preview, null] }).message).toMatchObject({
      text: 'Forwarded message of Bo:\nsee this (https://x.y)',
      attachments: [{ id: 'F7', name: 'b.pdf' }],
    });
    expect(event({ text: '/new', attachments: [share] }).message?.text).toMatch(
      /^\/new\nForwarded message of Bo:/,
    );
  });

  it('reads cards and blocks of a bot that is listened to, and its mention there', () => {
    const bot = { bot_id: 'BGOOD', user: undefined, text: '' };
    const card = {
      title: 'Build 7',
      title_link: 'https://ci.y/7',
      text: '3 &lt; 4',
      fields: [{ title: 'on', value: 'main' }],
    };
    expect(event({ ...bot, attachments: [card, { fallback: 'plain' }] }).message?.text).toBe(
      'Build 7 (https://ci.y/7)\n3 < 4\non: main\nplain',
    );
    const line = [
      { type: 'user', user_id: 'UBOT' },
      { type: 'text', text: ' a < b ' },
      { type: 'link', url: 'https://g.y', text: 'graph' },
    ];
    const blocks = [
      { type: 'header', text: { type: 'plain_text', text: 'Alert' } },
      {
        type: 'section',
        text: { type: 'mrkdwn', text: '*CPU*' },
        fields: [{ type: 'mrkdwn', text: 'host a' }],
      },
      { type: 'actions', elements: [{ type: 'button', text: { type: 'plain_text', text: 'Go' } }] },
      { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: line }] },
    ];
    expect(event({ ...bot, blocks }).message).toMatchObject({
      text: 'Alert\n*CPU*\nhost a\n a < b graph (https://g.y)',
      mentions_bot: true,
    });
    expect(event({ text: 'hello', blocks }).message?.text).toBe('hello');
  });

  it.each(['USLACKBOT', 'USLACK'])('takes %s for a bot, although it has no bot id', (user) => {
    const said = { user, channel: 'D1', channel_type: 'im', text: 'archived the channel' };
    expect(event(said).ignored).toBe('a message from a bot');
    expect(event(said, { allowBots: [user] }).message).toMatchObject({ from_bot: true });
  });

  it('makes no keys of ids that are none', () => {
    const long = 'C'.repeat(10_000);
    expect(event({ channel: long }).ignored).toBeDefined();
    expect(event({ user: long }).ignored).toBe('a message without sender');
    expect(parse({ ...slash, trigger_id: long }).ignored).toBeDefined();
    expect(parse({ ...press, trigger_id: long }).message?.dedupe_key.length).toBeLessThan(200);
  });

  it('does not take an empty subtype for a notice', () => {
    expect(event({ subtype: '' }).message?.text).toBe('hello');
  });

  it('keys other events by their id', () => {
    const reaction = {
      type: 'reaction_added',
      user: 'U7',
      reaction: 'eyes',
      item: { channel: 'C1', ts: '1.2' },
    };
    expect(parse(slackEvent(ids, 'Ev9', reaction)).message).toMatchObject({
      kind: 'reaction',
      text: ':eyes:',
      dedupe_key: 'slack:T1:event:Ev9',
    });
  });

  it('never crashes when any part of it is missing, null, huge or something else', () => {
    const odd = [undefined, null, '', 'x'.repeat(100_000), -1, 1e300, Number.NaN, true, [], {}, [null], [[]]];
    for (const whole of [complete, press, slash]) {
      const paths: (readonly string[])[] = [];
      const collect = (value: unknown, path: readonly string[]): void => {
        if (path.length > 0) paths.push(path);
        if (value !== null && typeof value === 'object') {
          for (const [key, inner] of Object.entries(value)) collect(inner, [...path, key]);
        }
      };
      collect(whole, []);
      for (const path of paths) {
        for (const value of odd) {
          const update = structuredClone(whole) as Record<string, unknown>;
          let parent = update;
          for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, unknown>;
          parent[path.at(-1) ?? ''] = value;
          parent['newer_field'] = { nested: [value] };
          const parsed = parse(update);
          expect(parsed.message !== undefined || typeof parsed.ignored === 'string').toBe(true);
        }
      }
    }
  });

  it('never crashes on anything at all', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (update, inner) => {
        const wrapped = { type: 'event_callback', event: inner };
        for (const given of [
          update,
          wrapped,
          { type: 'block_actions', actions: inner },
          { command: '/x', text: inner },
        ]) {
          const parsed = parse(given);
          expect(parsed.message !== undefined || typeof parsed.ignored === 'string').toBe(true);
        }
      }),
    );
  });
});
