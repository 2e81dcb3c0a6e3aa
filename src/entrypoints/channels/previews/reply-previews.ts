import { withDeadline, type Clock, type Logger } from '../../../base/index.ts';
import type { RunService } from '../../../engine/runs/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import { defaultTenant, type ChannelDefinition, type Message, type Scope } from '../../../protocol/index.ts';
import type { AccountPacer } from '../account-pacer.ts';
import type { ChannelAdapter } from '../channel-adapter.ts';
import { AnswerPreview } from './answer-preview.ts';
import { PreviewPace } from './preview-pace.ts';
import { PreviewStore, type PreviewOwner, type PreviewPlace } from './preview-store.ts';

const longestWaitMs = 4000;
const lookEveryMs = 100;

/** What previews stand on. */
export interface ReplyPreviewsDeps {
  readonly runs: Pick<RunService, 'events'>;
  readonly storage: Storage;
  readonly pacer: AccountPacer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Shows the answers of runs while they are written, and hands their messages over to the responses. */
export class ReplyPreviews {
  readonly #deps: ReplyPreviewsDeps;
  readonly #store: PreviewStore;
  readonly #pace: PreviewPace;
  readonly #active = new Map<string, { readonly preview: AnswerPreview; readonly over: Promise<void> }>();

  constructor(deps: ReplyPreviewsDeps) {
    this.#deps = deps;
    this.#store = new PreviewStore(deps);
    this.#pace = new PreviewPace(deps.clock);
  }

  /** Begins for a run that a message started, where its channel wants that and its platform can. */
  begin(
    run: { readonly runId: string; readonly scope: Scope; readonly message: Message },
    channel: { readonly adapter: ChannelAdapter; readonly definition: ChannelDefinition },
  ): void {
    const { adapter, definition } = channel;
    const { runId, scope, message } = run;
    const { preview: mode, tools } = definition.spec.replies;
    const { previews } = adapter;
    if (mode === 'off' || previews === undefined || this.#active.has(runId)) return;
    const address = adapter.replyAddress(message);
    const isDm = message.chat_type === 'dm';
    const nativeOnly = mode === 'auto';
    if (nativeOnly && !(isDm && previews.isNative(address))) return;
    const preview = new AnswerPreview(
      { ...this.#deps, store: this.#store, pace: this.#pace },
      { runId, scope, adapter, previews, address, userId: message.user_id, isDm, nativeOnly, tools },
    );
    const over = preview.follow().finally(() => this.#active.delete(runId));
    this.#active.set(runId, { preview, over });
  }

  /**
   * Ends the preview of a run and hands its message to a response: always to the same one. `undefined`: there is none.
   * Waits a few seconds at most for a call that may still change the message.
   */
  async placeFor(
    response: { readonly runId: string; readonly outboxId: string; readonly mayHaveRow: boolean },
    signal: AbortSignal,
  ): Promise<PreviewPlace | undefined> {
    const { clock } = this.#deps;
    const until = clock.now() + longestWaitMs;
    const wasActive = await this.settle(response.runId, signal);
    if (!wasActive && !response.mayHaveRow) return undefined;
    for (;;) {
      const place = await this.#store.claim(response.runId, response.outboxId);
      if (place === undefined || place.hasEnded || clock.now() >= until) return place;
      await clock.sleep(lookEveryMs, { signal });
    }
  }

  /** Ends the preview of a run in this process and waits for its last call; true when there was one. */
  async settle(runId: string, signal: AbortSignal, options: { release?: boolean } = {}): Promise<boolean> {
    const active = this.#active.get(runId);
    if (active === undefined) return false;
    active.preview.end(options);
    const deadline = withDeadline(this.#deps.clock, longestWaitMs, signal);
    const timeUp = Promise.withResolvers<void>();
    if (deadline.signal.aborted) timeUp.resolve();
    deadline.signal.addEventListener('abort', () => timeUp.resolve(), { once: true });
    try {
      await Promise.race([active.over, timeUp.promise]);
    } finally {
      deadline.clear();
    }
    return true;
  }

  /** The run whose answer a message shows. */
  ownerOf(place: {
    readonly channel: string;
    readonly chatId: string;
    readonly messageId: string;
  }): Promise<PreviewOwner | undefined> {
    return this.#store.ownerOf({ tenant: defaultTenant, ...place });
  }

  /** Ends all of them; resolves when no call is under way. */
  async endAll(): Promise<void> {
    const active = [...this.#active.values()];
    for (const { preview } of active) preview.end();
    await Promise.all(active.map(({ over }) => over));
  }

  get size(): number {
    return this.#active.size;
  }
}
