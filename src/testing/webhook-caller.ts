import { systemClock } from '../base/index.ts';

/** One call of an app's webhook. */
export interface WebhookCall {
  /** Path on the app's server, such as `/webhooks/telegram/support`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the app answered. `status` 0: nothing in time, or a broken connection. */
export interface WebhookAnswer {
  readonly status: number;
  readonly body: string;
}

/** How a platform calls webhooks. */
export interface WebhookHabits {
  /** Waits before the repetitions of a call that was not acknowledged; the last one goes on for ever. */
  retryDelaysMs: readonly number[];
  /** How long an acknowledgement may take. */
  ackTimeoutMs: number;
  /** Share of the calls, from 0 to 1, that come twice: at the same time, or again after they were acknowledged. */
  duplicates: number;
  /** Calls wait up to this long before they leave, so that those of one chat overtake those of another. */
  mostJitterMs: number;
}

export interface WebhookCallerDeps {
  readonly habits: WebhookHabits;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Base addresses of the app's processes now; each call goes to one of them, a repetition to another. */
  readonly targets: () => readonly string[];
}

/** Calls webhooks: what happens in one chat one after the other, each until it is acknowledged, chats side by side. */
export class WebhookCaller {
  /** Calls that came twice on purpose. */
  duplicates = 0;
  /** Calls that had to be repeated. */
  repetitions = 0;
  readonly #deps: WebhookCallerDeps;
  readonly #chats = new Map<string, Promise<unknown>>();
  readonly #stopped = new AbortController();

  constructor(deps: WebhookCallerDeps) {
    this.#deps = deps;
  }

  /**
   * `build` makes the call anew for each try: signatures carry the time. `acknowledged` is told the answer as soon as it is
   * there; a call that comes twice is still under way then. Rejects only when the caller is stopped.
   */
  deliver(
    chat: string,
    build: () => WebhookCall,
    acknowledged: (answer: WebhookAnswer) => void = () => {},
  ): Promise<void> {
    const before = this.#chats.get(chat) ?? Promise.resolve();
    const next = before.catch(() => {}).then(() => this.#untilAcknowledged(build, acknowledged));
    this.#chats.set(chat, next);
    return next;
  }

  stop(): void {
    this.#stopped.abort(new Error('the platform was stopped'));
  }

  async #untilAcknowledged(
    build: () => WebhookCall,
    acknowledged: (answer: WebhookAnswer) => void,
  ): Promise<void> {
    const { habits, random } = this.#deps;
    await this.#wait(random() * habits.mostJitterMs);
    const isDouble = random() < habits.duplicates;
    const atOnce = random() < 0.5;
    if (isDouble) this.duplicates += 1;
    const beside = isDouble && atOnce ? this.#once(build(), 1) : undefined;
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#once(build(), attempt);
      if (answer.status >= 200 && answer.status < 300) {
        acknowledged(answer);
        await (isDouble && !atOnce ? this.#once(build(), attempt + 1) : beside);
        return;
      }
      this.repetitions += 1;
      await this.#wait(habits.retryDelaysMs[attempt] ?? habits.retryDelaysMs.at(-1) ?? 0);
    }
  }

  async #once({ path, headers, body }: WebhookCall, attempt: number): Promise<WebhookAnswer> {
    this.#stopped.signal.throwIfAborted();
    const targets = this.#deps.targets();
    const target = targets[(Math.floor(this.#deps.random() * targets.length) + attempt) % targets.length];
    if (target === undefined) return { status: 0, body: '' };
    try {
      const response = await fetch(new URL(path, target), {
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.any([AbortSignal.timeout(this.#deps.habits.ackTimeoutMs), this.#stopped.signal]),
      });
      return { status: response.status, body: await response.text() };
    } catch {
      return { status: 0, body: '' };
    }
  }

  async #wait(milliseconds: number): Promise<void> {
    const { signal } = this.#stopped;
    signal.throwIfAborted();
    if (milliseconds > 0) await systemClock.sleep(milliseconds, { signal });
  }
}
