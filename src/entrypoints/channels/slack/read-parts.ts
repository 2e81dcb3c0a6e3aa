import { z } from 'zod';
import { isJsonObject } from '../../../base/index.ts';
import { forwardedInWords } from '../card-words.ts';
import { readSlackText } from './read-text.ts';
import { lenient } from './slack-update.ts';

const mostParts = 100;
const deepest = 10;

const text = lenient(z.string());
const attachment = z.object({
  is_share: lenient(z.boolean()),
  author_name: text,
  title: text,
  title_link: text,
  text,
  fallback: text,
  fields: lenient(z.array(z.object({ title: text, value: text }).catch({ title: '', value: '' }))),
  blocks: z.unknown().optional(),
  files: lenient(z.array(z.unknown())),
});

type SlackAttachment = z.output<typeof attachment>;

/** The readable ones of what hangs on a message: others' messages that are passed on, previews, and what bots say. */
export function readAttached(list: readonly unknown[]): readonly SlackAttachment[] {
  return list.slice(0, mostParts).flatMap((one) => {
    const parsed = attachment.safeParse(one);
    return parsed.success ? [parsed.data] : [];
  });
}

/** A message that somebody passes on. */
export function wordsOfShare(
  { author_name: author, text: written, fallback, blocks }: SlackAttachment,
  botUserId: string | undefined,
): string {
  const words = [written, readBlocks(blocks), fallback].find(isText);
  return words === undefined ? '' : forwardedInWords(author, readSlackText(words, botUserId));
}

/** A card of a bot. */
export function wordsOfCard(card: SlackAttachment, botUserId: string | undefined): string {
  const head =
    isText(card.title) && isText(card.title_link) ? `${card.title} (${card.title_link})` : card.title;
  const rows = (card.fields ?? [])
    .slice(0, mostParts)
    .map(({ title, value }) => [title, value].filter(isText).join(': '));
  const told = [head, card.text, ...rows, readBlocks(card.blocks)].filter(isText);
  return readSlackText(told.length > 0 ? told.join('\n') : (card.fallback ?? ''), botUserId);
}

/** The words in blocks, in Slack's markup. */
export function readBlocks(blocks: unknown): string {
  return linesOf(blocks, 0).join('\n');
}

/** Blocks, and what lies in them that begins a line of its own. */
function linesOf(part: unknown, depth: number): readonly string[] {
  if (depth > deepest) return [];
  if (Array.isArray(part)) return part.slice(0, mostParts).flatMap((one: unknown) => linesOf(one, depth + 1));
  if (!isJsonObject(part)) return [];
  const { type, text: own, fields, elements, alt_text: shown } = part;
  if (
    typeof type === 'string' &&
    type.startsWith('rich_text') &&
    type !== 'rich_text' &&
    type !== 'rich_text_list'
  )
    return [Array.isArray(elements) ? elements.slice(0, mostParts).map(inline).join('') : ''].filter(isText);
  if (type === 'actions') return [];
  const words = typeof own === 'string' ? own : isJsonObject(own) ? own['text'] : undefined;
  const picture = type === 'image' ? shown : undefined;
  return [...[words, picture].filter(isText), ...linesOf(fields, depth + 1), ...linesOf(elements, depth + 1)];
}

/** A part of rich text as it stands in a text. */
function inline(part: unknown): string {
  if (!isJsonObject(part)) return '';
  const { type, text: label, url, name } = part;
  if (type === 'link' && isText(url)) return isText(label) ? `<${url}|${label}>` : `<${url}>`;
  if (type === 'user' && isText(part['user_id'])) return `<@${part['user_id']}>`;
  if (type === 'channel' && isText(part['channel_id'])) return `<#${part['channel_id']}>`;
  if (type === 'emoji' && isText(name)) return `:${name}:`;
  return isText(label) ? escaped(label) : '';
}

/** Rich text is not escaped, unlike all other text of Slack's. */
function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
