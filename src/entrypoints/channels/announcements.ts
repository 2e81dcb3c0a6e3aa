import type { JsonObject } from '../../base/index.ts';
import type { Message } from '../../protocol/index.ts';
import type { Delivery } from './delivery-store.ts';

/** A subject of the bus and what is told there. */
export type Announcement = readonly [subject: string, payload: JsonObject];

/** A message that an agent was given; without the platform's own payload. */
export function inboundOf(channel: string, message: Message): Announcement {
  const { metadata: _raw, order: _order, attachments, quoted, ...plain } = message;
  return [
    `messaging.${message.platform}.inbound`,
    {
      channel,
      ...plain,
      ...(quoted === undefined ? {} : { quoted: { ...quoted } }),
      attachments: attachments.map((file) => ({ ...file })),
    },
  ];
}

/** A response or notice that the platform has accepted. */
export function outboundOf({ address, outgoing, outboxId, runId }: Delivery): Announcement {
  return [
    `messaging.${address.platform}.outbound`,
    {
      id: outboxId,
      channel: address.channel,
      platform: address.platform,
      account_id: address.accountId,
      channel_id: address.chatId,
      ...(address.threadId === undefined ? {} : { thread_id: address.threadId }),
      run_id: runId,
      kind: outgoing.kind,
      text: outgoing.kind === 'response' ? outgoing.response.text : outgoing.notice.title,
    },
  ];
}
