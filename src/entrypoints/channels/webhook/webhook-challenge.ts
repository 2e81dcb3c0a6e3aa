import { isJsonObject, tryParseJson } from '../../../base/index.ts';
import type { WebhookChannelSpec } from '../../../protocol/index.ts';
import type { RawWebhook, WebhookReply } from '../channel-adapter.ts';

const longestEcho = 1000;

/** Answers a sender that checks the address, as the definition says; `undefined` for what is an event. */
export function answerWebhookChallenge(
  raw: RawWebhook,
  { challenge, signature }: Pick<WebhookChannelSpec, 'challenge' | 'signature'>,
): WebhookReply | undefined {
  if (raw.method === 'GET') {
    const value = challenge.query === undefined ? undefined : raw.query[challenge.query];
    if (value === undefined || value.length > longestEcho) return undefined;
    return { status: 200, contentType: 'text/plain; charset=utf-8', body: value };
  }
  const isSlack = signature.scheme === 'slack';
  const field = challenge.field ?? (isSlack ? 'challenge' : undefined);
  if (field === undefined) return undefined;
  const body = tryParseJson(new TextDecoder().decode(raw.body));
  if (!isJsonObject(body) || (isSlack && body['type'] !== 'url_verification')) return undefined;
  const value = Object.hasOwn(body, field) ? body[field] : undefined;
  if (typeof value !== 'string' || value.length > longestEcho) return undefined;
  return { status: 200, contentType: 'application/json', body: JSON.stringify({ [field]: value }) };
}
