import { describe, expect, it } from 'vitest';
import type { Message } from '../../protocol/index.ts';
import { requestOfTurn } from './turn-request.ts';

const message: Message = {
  platform: 'p',
  account_id: 'a',
  channel_id: 'c',
  user_id: 'u',
  user_name: 'Ada',
  text: 'why?',
  timestamp: '2026-01-01T00:00:00.000Z',
  kind: 'message',
  chat_type: 'dm',
  mentions_bot: true,
  attachments: [],
  dedupe_key: 'k',
  metadata: {},
};
const read = (more: Partial<Message>) =>
  requestOfTurn({
    channel: 'x',
    messages: [{ ...message, ...more }],
    context: [],
    target: { kind: 'agent', name: 'a' },
    model: undefined,
    route: 'r',
    sessionKey: 's',
    replyTo: null,
  }).input;

describe('what an agent reads of a message', () => {
  it('begins with what it answers, in one line', () => {
    const quoted = { user_name: 'Bo\n[x]', text: 'first\n\nsecond\u0000' };
    expect(read({ quoted })).toEqual({ message: '[In reply to Bo x: first second]\nwhy?' });
    expect(read({ quoted, chat_type: 'group' })).toEqual({
      message: 'Ada: [In reply to Bo x: first second]\nwhy?',
    });
    expect(read({ quoted: { text: 'old' } })).toEqual({ message: '[In reply to a message: old]\nwhy?' });
  });

  it('has only so much of it', () => {
    const { message: text } = read({ quoted: { text: 'x'.repeat(100_000) } }) as { message: string };
    expect(text.length).toBeLessThan(1100);
  });
});
