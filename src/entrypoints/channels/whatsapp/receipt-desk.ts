import type { ChannelAdapterContext, DeliveryReceipt } from '../channel-adapter.ts';
import { windowClosed } from './error-codes.ts';
import type { WhatsAppStatus } from './read-status.ts';
import { ReceiptBook } from './receipt-book.ts';
import { readCallbackData } from './send-message.ts';

const mostLookedOutFor = 1000;

/** Hears what became of messages that WhatsApp has accepted. */
export class ReceiptDesk {
  readonly #context: ChannelAdapterContext;
  readonly #hasTemplate: boolean;
  readonly #book: ReceiptBook;
  /** Keys whose send got no answer, with the id of the message once WhatsApp spoke of it. */
  readonly #unanswered = new Map<string, string | undefined>();

  constructor(context: ChannelAdapterContext, parts: { accountId: string; hasTemplate: boolean }) {
    this.#context = context;
    this.#hasTemplate = parts.hasTemplate;
    this.#book = new ReceiptBook(context.state, parts.accountId);
  }

  /** Durable when it resolves. Rejects when the status has to come again. */
  async take(status: WhatsAppStatus): Promise<void> {
    if (!(await this.#book.isNews(status.messageId, status.status))) return;
    const receipt = this.#receiptOf(status);
    if (status.status !== 'failed' && receipt.key !== undefined && this.#unanswered.has(receipt.key))
      this.#unanswered.set(receipt.key, status.messageId);
    await this.#context.onReceipt?.(receipt);
    await this.#book.note(status.messageId, status.status);
  }

  /** Best effort: a send got no answer, but a status may tell that it arrived before it is tried again. */
  lookOutFor(key: string | undefined): void {
    if (key === undefined) return;
    if (this.#unanswered.size >= mostLookedOutFor) this.#unanswered.clear();
    this.#unanswered.set(key, this.#unanswered.get(key));
  }

  /** The id of the message that arrived under this key although its send got no answer. */
  arrivedAs(key: string | undefined): string | undefined {
    const arrived = key === undefined ? undefined : this.#unanswered.get(key);
    if (key !== undefined && arrived !== undefined) this.#unanswered.delete(key);
    return arrived;
  }

  forgetOld(): void {
    this.#book.forgetOld().catch((error: unknown) => {
      this.#context.logger.warn({ error }, 'old receipts could not be deleted yet');
    });
  }

  #receiptOf({ status, callbackData, code, reason }: WhatsAppStatus): DeliveryReceipt {
    const { key, isTemplate } = readCallbackData(callbackData ?? '');
    // A template is the last resort: what WhatsApp says of it holds.
    const again = status === 'failed' && code === windowClosed && this.#hasTemplate && !isTemplate;
    return {
      status,
      ...(key === '' ? {} : { key }),
      ...(reason === undefined ? {} : { reason }),
      ...(again ? { again: { templateOnly: true } } : {}),
    };
  }
}
