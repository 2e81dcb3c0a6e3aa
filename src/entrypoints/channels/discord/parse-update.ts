import { isJsonObject } from '../../../base/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { isInteraction, parseInteraction, type InteractionContext } from './parse-interaction.ts';
import { parseMessage, type MessageContext } from './parse-message.ts';

/**
 * Anything that Discord sends, as a message of the pipeline: an interaction, a gateway event, or a message as the gateway
 * carries it. Never throws.
 */
export function parseDiscordUpdate(
  update: unknown,
  context: InteractionContext & MessageContext,
): ParsedUpdate {
  if (!isJsonObject(update)) return { ignored: 'no JSON object' };
  if (isInteraction(update)) return parseInteraction(update, context);
  if (update['t'] === 'MESSAGE_CREATE') return parseMessage(update['d'], update, context);
  if (update['t'] === 'INTERACTION_CREATE') {
    return isInteraction(update['d'])
      ? parseInteraction(update['d'], context)
      : { ignored: 'an interaction without type or token' };
  }
  if (typeof update['t'] === 'string') return { ignored: 'an event of a kind that is not handled' };
  return parseMessage(update, update, context);
}
