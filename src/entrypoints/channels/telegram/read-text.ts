import { z } from 'zod';
import { lenient, telegramUser, type BotIdentity } from './telegram-fields.ts';

const entity = z.object({
  type: z.string(),
  offset: z.int().nonnegative(),
  length: z.int().nonnegative(),
  url: lenient(z.string()),
  user: lenient(telegramUser),
});

/** A part of a text that is more than its letters. Offset and length count UTF-16 units. */
export type TextEntity = z.output<typeof entity>;

/** The readable ones of a list of entities. */
export function readEntities(list: readonly unknown[]): readonly TextEntity[] {
  return list.flatMap((one) => {
    const parsed = entity.safeParse(one);
    return parsed.success ? [parsed.data] : [];
  });
}

/** The text with the addresses of its links, which stand beside it, behind their words. Linear time. */
export function withLinks(text: string, entities: readonly TextEntity[]): string {
  const links = entities.filter(({ type, url }) => type === 'text_link' && typeof url === 'string');
  let written = '';
  let from = 0;
  for (const { offset, length, url } of links.toSorted((a, b) => a.offset - b.offset)) {
    const end = offset + length;
    if (offset < from || end > text.length) continue;
    const address = url ?? '';
    const label = text.slice(offset, end);
    const says = label.includes(address.replace(/^https?:\/\//, '').replace(/\/$/, ''));
    written += `${text.slice(from, end)}${says ? '' : ` (${address})`}`;
    from = end;
  }
  return written + text.slice(from);
}

/** Is the bot mentioned, by its name or as a person without one? */
export function mentionsBot(text: string, entities: readonly TextEntity[], bot: BotIdentity): boolean {
  const own = `@${bot.username.toLowerCase()}`;
  return entities.some(({ type, offset, length, user }) => {
    if (type === 'text_mention') return String(user?.id ?? '') === bot.id;
    return type === 'mention' && text.slice(offset, offset + length).toLowerCase() === own;
  });
}

/** The text without the bot's own name; part of another word, such as an address, it stays. */
export function withoutMention(text: string, bot: BotIdentity): string {
  if (bot.username === '') return text.trim();
  const name = bot.username.replaceAll(/\W/g, '');
  return text.replaceAll(new RegExp(`(?<![\\w.+/@-])@${name}(?!\\w)`, 'gi'), '').trim();
}

/** A command at the beginning of a text. */
export interface WrittenCommand {
  /** `/name rest`, without the bot's name. */
  readonly text: string;
  /** Whom it names: `/name@bot`. */
  readonly addressee: 'bot' | 'another' | undefined;
}

/** The command that a text begins with. */
export function readCommand(text: string, bot: BotIdentity): WrittenCommand | undefined {
  const match = /^\/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?=\s|$)/.exec(text);
  if (match === null) return undefined;
  const [whole, name = '', named] = match;
  const isOwn = named?.toLowerCase() === bot.username.toLowerCase();
  const addressee = named === undefined ? undefined : isOwn ? 'bot' : 'another';
  return { text: `/${name}${text.slice(whole.length)}`, addressee };
}
