import type { JsonObject } from '../../../base/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import { generalTopic } from './parse-update.ts';

/** Chat and topic as sends name them; the general topic takes messages only where it is not named. */
export function placeOf({ chatId, threadId }: ReplyAddress): JsonObject {
  return {
    chat_id: chatId,
    ...(threadId === undefined || threadId === generalTopic ? {} : { message_thread_id: Number(threadId) }),
  };
}

/** Where a message goes, and which one it answers. */
export function targetOf(address: ReplyAddress): JsonObject {
  return {
    ...placeOf(address),
    ...(address.replyToMessageId === undefined
      ? {}
      : {
          reply_parameters: {
            message_id: Number(address.replyToMessageId),
            allow_sending_without_reply: true,
          },
        }),
  };
}
