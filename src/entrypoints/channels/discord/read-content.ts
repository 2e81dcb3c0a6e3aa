import { z } from 'zod';
import { isJsonObject } from '../../../base/index.ts';
import type { Attachment } from '../../../protocol/index.ts';
import { forwardedInWords, listInWords } from '../card-words.ts';
import { readAttachments } from './attachments.ts';
import { lenient, snowflake } from './snowflake.ts';

const mostParts = 100;
const deepest = 10;
const textDisplay = 10;
const latestSeconds = 8_640_000_000_000;

const text = lenient(z.string());
/** A person or a bot. */
export const discordUser = z.object({
  id: snowflake,
  username: text,
  global_name: text,
  bot: lenient(z.boolean()),
});
const list = lenient(z.array(z.unknown()));
const poll = z.object({
  question: z.object({ text: z.string() }),
  answers: lenient(z.array(z.object({ poll_media: z.object({ text }) }).catch({ poll_media: { text: '' } }))),
});
const snapshot = z.object({
  message: z.object({ content: text, mentions: list, attachments: z.unknown().optional() }),
});
const embed = z.object({
  title: text,
  url: text,
  description: text,
  fields: lenient(z.array(z.object({ name: z.string(), value: z.string() }).catch({ name: '', value: '' }))),
});

/** The parts of a message that words can be in. */
export const writtenParts = z.object({
  content: text,
  mentions: list,
  poll: lenient(poll),
  message_snapshots: list,
  embeds: list,
  components: list,
});

type WrittenParts = z.output<typeof writtenParts>;

/** The people that a message mentions. */
export function peopleIn(mentions: WrittenParts['mentions']): readonly z.output<typeof discordUser>[] {
  return (mentions ?? []).flatMap((one) => {
    const mentioned = discordUser.safeParse(one);
    return mentioned.success ? [mentioned.data] : [];
  });
}

/** What a message says: its text, a poll, what it passes on; `ofBot`: also what stands in embeds, where bots write. */
export function readWords(
  source: WrittenParts,
  {
    botId,
    botRole,
    ofBot,
  }: { readonly botId: string; readonly botRole?: string | undefined; readonly ofBot: boolean },
): string {
  const asked = source.poll;
  const answers = (asked?.answers ?? []).map((one) => one.poll_media.text);
  const words = [
    readable(source.content ?? '', source.mentions, { botId, botRole }),
    asked ? listInWords('Poll', asked.question.text, answers) : '',
    ...snapshotsOf(source).map(({ content, mentions }) =>
      typeof content === 'string' && content !== ''
        ? forwardedInWords(undefined, readable(content, mentions, { botId: '' }))
        : '',
    ),
    ...(ofBot
      ? [...(source.embeds ?? []).slice(0, mostParts).map(readEmbed), ...readComponents(source.components)]
      : []),
  ];
  return words.filter((part) => part !== '').join('\n');
}

/** The files of messages that are passed on. */
export function forwardedAttachments(source: WrittenParts): readonly Attachment[] {
  return snapshotsOf(source).flatMap(({ attachments }) => readAttachments(attachments));
}

function snapshotsOf({ message_snapshots: snapshots }: WrittenParts) {
  return (snapshots ?? []).slice(0, mostParts).flatMap((one) => {
    const parsed = snapshot.safeParse(one);
    return parsed.success ? [parsed.data.message] : [];
  });
}

/** The text without the bot's own mention; people, commands, symbols and times as a person reads them. */
export function readable(
  content: string,
  mentions: WrittenParts['mentions'],
  { botId, botRole }: { readonly botId: string; readonly botRole?: string | undefined },
): string {
  const names = new Map(peopleIn(mentions).map((one) => [one.id, one.global_name ?? one.username]));
  return content
    .replaceAll(/<@!?(\d{1,25})>/g, (mention, id: string) => {
      if (id === botId) return '';
      const name = names.get(id);
      return typeof name === 'string' ? `@${name}` : mention;
    })
    .replaceAll(/<@&(\d{1,25})>/g, (mention, id: string) => (id === botRole ? '' : mention))
    .replaceAll(/<a?(:\w{1,40}:)\d{1,25}>/g, '$1')
    .replaceAll(/<(\/[^\s:<>][^:<>]{0,120}):\d{1,25}>/g, '$1')
    .replaceAll(/<t:(-?\d{1,13})(?::[a-z])?>/gi, (stamp, seconds: string) =>
      Math.abs(Number(seconds)) > latestSeconds ? stamp : new Date(Number(seconds) * 1000).toISOString(),
    )
    .trim();
}

function readEmbed(given: unknown): string {
  const parsed = embed.safeParse(given);
  if (!parsed.success) return '';
  const { title, url, description, fields } = parsed.data;
  const head = [title, typeof url === 'string' && url !== '' ? `(${url})` : ''];
  const rows = (fields ?? []).slice(0, mostParts).map(({ name, value }) => `${name}: ${value}`);
  return [head.filter(isText).join(' '), description, ...rows].filter(isText).join('\n');
}

function readComponents(components: unknown, depth = 0): readonly string[] {
  if (!Array.isArray(components) || depth > deepest) return [];
  return components.slice(0, mostParts).flatMap((one: unknown) => {
    if (!isJsonObject(one)) return [];
    const { type, content, components: inner } = one;
    const own = type === textDisplay && isText(content) ? [content] : [];
    return [...own, ...readComponents(inner, depth + 1)];
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}
