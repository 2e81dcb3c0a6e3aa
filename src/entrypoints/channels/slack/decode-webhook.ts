import { isJsonObject, tryParseJson } from '../../../base/index.ts';
import type { RawWebhook, WebhookReply } from '../channel-adapter.ts';

/**
 * The update in a verified call: an event as JSON, a form with an interaction in `payload`, or a form that is a slash
 * command. Slack's outdated `token`, a secret, is left out. `undefined`: unreadable.
 */
export function decodeSlackWebhook(raw: RawWebhook): unknown {
  const text = new TextDecoder().decode(raw.body);
  if (!/^application\/x-www-form-urlencoded\b/i.test(raw.headers['content-type'] ?? '')) {
    return withoutToken(tryParseJson(text));
  }
  const form = new URLSearchParams(text);
  const payload = form.get('payload');
  return withoutToken(payload === null ? Object.fromEntries(form) : tryParseJson(payload));
}

/** Answers the check of the address, and the certificate check of slash commands; `undefined` for what is an event. */
export function answerSlackChallenge(raw: RawWebhook): WebhookReply | undefined {
  if (raw.method !== 'POST') return undefined;
  const update = decodeSlackWebhook(raw);
  if (!isJsonObject(update)) return undefined;
  if (update['ssl_check'] === '1') return { status: 200 };
  if (update['type'] !== 'url_verification' || typeof update['challenge'] !== 'string') return undefined;
  return { status: 200, contentType: 'text/plain; charset=utf-8', body: update['challenge'] };
}

/** The update without the secret that some of Slack's payloads carry. */
export function withoutToken(update: unknown): unknown {
  if (!isJsonObject(update) || !('token' in update)) return update;
  const { token: _token, ...rest } = update;
  return rest;
}
