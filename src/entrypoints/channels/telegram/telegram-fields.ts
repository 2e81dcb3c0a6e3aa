import { z } from 'zod';

/** The bot as `getMe` describes it. */
export interface BotIdentity {
  readonly id: string;
  readonly username: string;
}

/** A field that may be missing, null or something else altogether. */
export const lenient = <T extends z.ZodType>(schema: T) => schema.nullish().catch(undefined);

/** Ids of people and chats. */
export const telegramId = z.union([z.int(), z.bigint()]);

/** A person or a bot. */
export const telegramUser = z.object({
  id: telegramId,
  is_bot: lenient(z.boolean()),
  first_name: lenient(z.string()),
  last_name: lenient(z.string()),
  username: lenient(z.string()),
});

export type TelegramUser = z.output<typeof telegramUser>;

/** How a person is called. */
export function nameOfUser(user: TelegramUser): string | undefined {
  const name = [user.first_name, user.last_name]
    .filter((part) => part !== undefined && part !== null)
    .join(' ');
  return (name.trim() === '' ? user.username : name) ?? undefined;
}
