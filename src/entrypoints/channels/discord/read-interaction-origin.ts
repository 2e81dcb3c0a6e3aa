import { z } from 'zod';
import { interactionTypes, isInteraction } from './parse-interaction.ts';
import { lenient, snowflake } from './snowflake.ts';

const answered = new Set<number>([
  interactionTypes.command,
  interactionTypes.component,
  interactionTypes.form,
]);
const betweenPeople = 2;

const origin = z.object({
  id: snowflake,
  type: z.int(),
  token: z.string().min(1),
  context: lenient(z.int()),
  authorizing_integration_owners: lenient(z.record(z.string(), z.unknown())),
});

/** What answering an interaction takes. */
export interface InteractionOrigin {
  readonly id: string;
  readonly token: string;
  /** False where the bot is no member and can speak by the token only. */
  readonly mayPost: boolean;
}

/** What answering an interaction takes; `undefined`: it is none that is answered. */
export function readInteractionOrigin(update: unknown): InteractionOrigin | undefined {
  if (!isInteraction(update)) return undefined;
  const parsed = origin.safeParse(update);
  if (!parsed.success || !answered.has(parsed.data.type)) return undefined;
  const { id, token, context, authorizing_integration_owners: owners } = parsed.data;
  // Owner "0" is the server, or the bot's own direct messages.
  const isMember = owners === undefined || owners === null || '0' in owners;
  return { id, token, mayPost: isMember && context !== betweenPeople };
}
