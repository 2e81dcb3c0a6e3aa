import { defaultTenant } from '../../../protocol/index.ts';
import type { DeliveryReceipt } from '../channel-adapter.ts';
import type { ChannelState, StateKey } from '../channel-state.ts';

const lifeMs = 8 * 24 * 3_600_000;
const prefix = 'receipt:';
const ranks: Readonly<Record<DeliveryReceipt['status'], number>> = {
  sent: 1,
  delivered: 2,
  read: 3,
  failed: 4,
};

/** How far each message got. Statuses come more than once and in any order: only one that goes on counts. */
export class ReceiptBook {
  readonly #state: ChannelState;
  readonly #accountId: string;

  constructor(state: ChannelState, accountId: string) {
    this.#state = state;
    this.#accountId = accountId;
  }

  /** Does it say more than what is known? */
  async isNews(messageId: string, status: DeliveryReceipt['status']): Promise<boolean> {
    const known = (await this.#state.get(this.#key(messageId)))?.value;
    return typeof known !== 'number' || known < ranks[status];
  }

  async note(messageId: string, status: DeliveryReceipt['status']): Promise<void> {
    await this.#state.raise(this.#key(messageId), ranks[status], lifeMs);
  }

  /** Forgets what WhatsApp repeats no more. */
  async forgetOld(): Promise<void> {
    await this.#state.deleteOlder(this.#key(''), lifeMs);
  }

  #key(messageId: string): StateKey {
    const key = `${prefix}${messageId}`;
    return { tenant: defaultTenant, channel: 'whatsapp', accountId: this.#accountId, key };
  }
}
