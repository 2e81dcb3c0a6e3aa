import type { WebhookSignature } from '../../../protocol/index.ts';

/** Where senders of a scheme put the id of a call and its kind, of which the first that is there counts. */
export interface SchemeFields {
  readonly messageId: readonly string[];
  readonly event: readonly string[];
}

const nothingKnown: SchemeFields = { messageId: [], event: [] };

const known: Readonly<Partial<Record<WebhookSignature['scheme'], SchemeFields>>> = {
  github: { messageId: ['headers.x-github-delivery'], event: ['headers.x-github-event'] },
  gitlab: {
    messageId: ['headers.idempotency-key', 'headers.x-gitlab-event-uuid'],
    event: ['body.object_kind', 'body.event_name'],
  },
  shopify: { messageId: ['headers.x-shopify-webhook-id'], event: ['headers.x-shopify-topic'] },
  stripe: { messageId: ['body.id'], event: ['body.type'] },
  slack: { messageId: ['body.event_id'], event: ['body.event.type', 'body.type'] },
  standard: { messageId: ['headers.webhook-id', 'headers.svix-id'], event: ['body.type'] },
};

/** What is known of the calls of a scheme. */
export function fieldsOfScheme(scheme: WebhookSignature['scheme']): SchemeFields {
  return known[scheme] ?? nothingKnown;
}
