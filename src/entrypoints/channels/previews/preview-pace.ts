import type { Clock } from '../../../base/index.ts';

const mostRemembered = 10_000;

/** When something may be shown next: per chat at its interval, per account at its rate. */
export class PreviewPace {
  readonly #clock: Clock;
  readonly #nextOfChat = new Map<string, number>();
  readonly #nextOfAccount = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until a chat may be shown something; 0: now. */
  waitMs(place: { readonly chat: string; readonly account: string }): number {
    const at = Math.max(this.#nextOfChat.get(place.chat) ?? 0, this.#nextOfAccount.get(place.account) ?? 0);
    return Math.max(0, at - this.#clock.now());
  }

  /** Notes that something is shown now. */
  shown(
    place: { readonly chat: string; readonly account: string },
    limits: { readonly intervalMs: number; readonly perSecond: number },
  ): void {
    const now = this.#clock.now();
    if (this.#nextOfChat.size >= mostRemembered)
      for (const [chat, at] of this.#nextOfChat) if (at <= now) this.#nextOfChat.delete(chat);
    this.#nextOfChat.set(place.chat, now + limits.intervalMs);
    this.#nextOfAccount.set(place.account, now + 1000 / limits.perSecond);
  }
}
