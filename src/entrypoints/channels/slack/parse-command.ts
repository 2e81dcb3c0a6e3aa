import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { readSlackText } from './read-text.ts';
import { chatTypeOf, lenient, slackId, type SlackEnvelope, type SlackReader } from './slack-update.ts';

const approvalWords = new Set(['approve', 'reject', 'answer']);
/** Commands that take one word. */
const choices = new Set(['agent', 'model', 'pair']);

const slash = z.object({
  command: z.string().min(1),
  text: lenient(z.string()),
  channel_id: slackId,
  channel_name: lenient(z.string()),
  user_id: slackId,
  user_name: lenient(z.string()),
  trigger_id: slackId,
});

/**
 * A slash command. `/agent33 stop` is our `/stop`, so is `/stop` where the app has a command of that name; other words
 * are a message to the agent.
 */
export function parseSlackCommand(
  update: JsonObject,
  reader: SlackReader,
  { teamId, botUserId, raw }: SlackEnvelope,
): ParsedUpdate {
  const parsed = slash.safeParse(update);
  if (!parsed.success) return { ignored: 'a slash command without channel, user or trigger' };
  const { command, channel_id: channel, user_id: user, user_name: name, trigger_id: trigger } = parsed.data;
  const written = readSlackText(parsed.data.text ?? '', botUserId);
  const text = commandText(command, written, reader.commands);
  const isDm = parsed.data.channel_name === 'directmessage';
  return {
    message: {
      platform: 'slack',
      account_id: reader.accountId,
      channel_id: channel,
      ...(teamId === undefined ? {} : { guild_id: teamId }),
      user_id: user,
      ...(typeof name === 'string' && name !== '' ? { user_name: name } : {}),
      text: text ?? written,
      timestamp: new Date(reader.nowMs).toISOString(),
      kind: text === undefined ? 'message' : 'command',
      chat_type: chatTypeOf(channel, isDm ? 'im' : undefined),
      mentions_bot: true,
      attachments: [],
      dedupe_key: `slack:${reader.accountId}:command:${trigger}`,
      metadata: { raw },
    },
  };
}

/** The command that is meant, in the form of the pipeline; `undefined` for words to the agent. */
function commandText(command: string, written: string, known: readonly string[]): string | undefined {
  const own = command.replace(/^\//, '').toLowerCase();
  if (known.includes(own) || approvalWords.has(own)) return `/${own} ${written}`.trim();
  if (written === '') return '/help';
  const [first = '', second = '', ...more] = written.split(/\s+/, 4);
  if (first.startsWith('/')) return written;
  const word = first.toLowerCase();
  // "answer the phone" and "new ideas" are words to the agent.
  const isCommand = approvalWords.has(word)
    ? /^[0-9A-Za-z]{6}$/.test(second) && (word !== 'answer' || /[0-9A-Z]/.test(second))
    : known.includes(word) && (second === '' || (choices.has(word) && more.length === 0));
  return isCommand ? `/${written}` : undefined;
}
