import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { Acceptance, WebhookReply } from '../channel-adapter.ts';
import { interactionTypes } from './parse-interaction.ts';

const replyTypes = { pong: 1, message: 4, deferred: 5, suggestions: 8 } as const;
const onlyForThePerson = 64;

/** What Discord is told within its three seconds, as the body of the reply. */
export function acknowledgementOf(
  update: unknown,
  acceptance: Acceptance,
  options: { ephemeral: boolean },
): JsonObject {
  if (typeOf(update) === interactionTypes.ping) return { type: replyTypes.pong };
  if (typeOf(update) === interactionTypes.autocomplete)
    return { type: replyTypes.suggestions, data: { choices: [] } };
  const { outcome, afterAck } = acceptance;
  if (outcome === 'denied' || outcome === 'ignored') return notice('That is not available here.');
  // A stopped run answers for itself.
  if (outcome === 'answered' && afterAck === undefined) return notice('Done.');
  return { type: replyTypes.deferred, data: { flags: options.ephemeral ? onlyForThePerson : 0 } };
}

/** The answer to Discord's ping; `undefined`: the call is none. */
export function pongFor(update: unknown): WebhookReply | undefined {
  return typeOf(update) === interactionTypes.ping ? asReply({ type: replyTypes.pong }) : undefined;
}

/** A body as the reply to a webhook call. */
export function asReply(body: Json): WebhookReply {
  return { status: 200, contentType: 'application/json', body: JSON.stringify(body) };
}

function notice(content: string): JsonObject {
  return {
    type: replyTypes.message,
    data: { content, flags: onlyForThePerson, allowed_mentions: { parse: [] } },
  };
}

function typeOf(update: unknown): unknown {
  return isJsonObject(update) ? update['type'] : undefined;
}
