import { z } from 'zod';
import { visibleLine, type JsonObject } from '../../../base/index.ts';
import type { DeliveryReceipt } from '../channel-adapter.ts';
import { describeError, errorSchema } from './error-codes.ts';
import { lenient, messageId } from './whatsapp-update.ts';

const longestReason = 500;

const schema = z.object({
  id: messageId,
  status: z.enum(['sent', 'delivered', 'read', 'failed']),
  biz_opaque_callback_data: lenient(z.string().max(512)),
  errors: lenient(z.array(errorSchema.catch({ code: 0 }))),
});

/** What WhatsApp says of a message that it has accepted. */
export interface WhatsAppStatus {
  /** WhatsApp's id of the message. */
  readonly messageId: string;
  readonly status: DeliveryReceipt['status'];
  /** What was given along when it was sent. */
  readonly callbackData: string | undefined;
  /** Number of the error and what it says; for `failed`. */
  readonly code: number | undefined;
  readonly reason: string | undefined;
}

/** A status of a call; `undefined` for one that says nothing about delivery. */
export function readStatus(item: JsonObject): WhatsAppStatus | undefined {
  const parsed = schema.safeParse(item);
  if (!parsed.success) return undefined;
  const { id, status, biz_opaque_callback_data: callbackData, errors } = parsed.data;
  const error = status === 'failed' ? errors?.[0] : undefined;
  const reason = error === undefined ? undefined : visibleLine(describeError(error), longestReason);
  return { messageId: id, status, callbackData: callbackData ?? undefined, code: error?.code, reason };
}
