import { AppError, withDeadline, type Clock, type Logger } from '../../../base/index.ts';
import type { RunService } from '../../../engine/runs/index.ts';
import type { ReplyAddress, Scope } from '../../../protocol/index.ts';
import type { AccountPacer } from '../account-pacer.ts';
import type { AnswerPreviews, ChannelAdapter, LivePreview, PreviewContent } from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { previewContent } from './preview-content.ts';
import type { PreviewPace } from './preview-pace.ts';
import type { PreviewStore } from './preview-store.ts';
import { PreviewText } from './preview-text.ts';

const longestPreviewMs = 15 * 60_000;
const callTimeoutMs = 3000;
const mostFailures = 3;

/** What a preview stands on. */
export interface AnswerPreviewDeps {
  readonly runs: Pick<RunService, 'events'>;
  readonly store: PreviewStore;
  /** Paces of this process; a pause that the platform asked for counts for answers too. */
  readonly pace: PreviewPace;
  readonly pacer: AccountPacer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The answer of one run, and where it is shown. */
export interface PreviewedRun {
  readonly runId: string;
  readonly scope: Scope;
  readonly adapter: ChannelAdapter;
  readonly previews: AnswerPreviews;
  readonly address: ReplyAddress;
  /** The platform's user who asked. */
  readonly userId: string;
  readonly isDm: boolean;
  /** Shown only where the platform has a way of its own for it. */
  readonly nativeOnly: boolean;
  /** Names the tools in use. */
  readonly tools: boolean;
}

/**
 * Shows the answer of one run while it is written. At most one call is under way, with the newest text. Ends with the
 * run, after three failures in a row, at the first refusal of the credentials or the rate, and after a quarter of an hour.
 */
export class AnswerPreview {
  readonly #deps: AnswerPreviewDeps;
  readonly #run: PreviewedRun;
  readonly #text = new PreviewText();
  readonly #over = new AbortController();
  readonly #place: { readonly chat: string; readonly account: string };
  #live: LivePreview | undefined;
  #hasRow = false;
  #isNoted = false;
  #isReleased = false;
  #shown = '';
  #failures = 0;
  #timer: { readonly cancel: () => void; readonly isRepetition: boolean } | undefined;
  #showing: Promise<void> | undefined;

  constructor(deps: AnswerPreviewDeps, run: PreviewedRun) {
    this.#deps = deps;
    this.#run = run;
    const { chatId, threadId = '', platform, accountId } = run.address;
    this.#place = { chat: [accountId, chatId, threadId].join(':'), account: `${platform}:${accountId}` };
  }

  /** Resolves when nothing more will be shown. Never rejects. */
  async follow(): Promise<void> {
    const { runs, clock, logger } = this.#deps;
    const { runId, scope } = this.#run;
    const { signal } = this.#over;
    const cancelEnd = clock.after(longestPreviewMs, () => this.end());
    try {
      for await (const { event } of runs.events(scope, runId, { after: 0, signal })) {
        if (signal.aborted) break;
        if (event.type === 'approval-requested') {
          this.#isReleased = true;
          break;
        }
        if (this.#text.take(event)) this.#schedule(this.#firstWaitMs);
      }
    } catch (error) {
      logger.debug({ error, runId }, 'an answer is no longer shown while it is written');
    } finally {
      cancelEnd();
      this.end();
      await this.#showing;
      await this.#close();
    }
  }

  /**
   * Nothing new is shown from now on; a call under way may end. `release`: something else stands below it now, so what
   * it shows stays, and the answer will be a message of its own.
   */
  end({ release = false } = {}): void {
    this.#isReleased ||= release;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#over.abort(new Error('the preview has ended'));
  }

  /** A first text waits for some more, so that nobody is called for a single word. */
  get #firstWaitMs(): number {
    return this.#live === undefined && this.#shown === '' ? this.#intervalMs : 0;
  }

  get #intervalMs(): number {
    const { intervalMs } = this.#run.previews;
    return this.#run.isDm ? intervalMs.dm : intervalMs.group;
  }

  #schedule(leastMs: number, { isRepetition = false } = {}): void {
    if (this.#over.signal.aborted || this.#showing !== undefined) return;
    if (this.#timer !== undefined && !this.#timer.isRepetition) return;
    this.#timer?.cancel();
    const wait = Math.max(
      leastMs,
      this.#deps.pace.waitMs(this.#place),
      this.#deps.pacer.pauseLeft(this.#place.account),
    );
    const cancel = this.#deps.clock.after(wait, () => {
      this.#timer = undefined;
      this.#showing = this.#show().finally(() => {
        this.#showing = undefined;
        const lifeMs = this.#live?.lifeMs;
        if (this.#news !== this.#shown) this.#schedule(0);
        else if (lifeMs !== undefined) this.#schedule(lifeMs * 0.7, { isRepetition: true });
      });
    });
    this.#timer = { cancel, isRepetition };
  }

  get #said(): { readonly text: string; readonly line: string } {
    const { text, tools } = this.#text;
    return { text, line: this.#run.tools && !this.#isReleased ? tools : '' };
  }

  get #news(): string {
    const { text, line } = this.#said;
    return `${text}\n${line}`.trim();
  }

  async #show(): Promise<void> {
    const { clock, pace, pacer } = this.#deps;
    // Others may have been shown something meanwhile.
    if (pace.waitMs(this.#place) > 0 || pacer.pauseLeft(this.#place.account) > 0) return;
    const news = this.#news;
    const content = previewContent(this.#run.adapter, this.#said);
    if (content === undefined) {
      this.#shown = news;
      return;
    }
    const { perSecond } = this.#run.previews;
    pace.shown(this.#place, { intervalMs: this.#intervalMs, perSecond });
    const deadline = withDeadline(clock, callTimeoutMs);
    const options = { signal: deadline.signal };
    try {
      await (this.#live === undefined ? this.#begin(content, options) : this.#live.update(content, options));
      await this.#note();
      this.#shown = news;
      this.#failures = 0;
    } catch (error) {
      this.#failed(error);
    } finally {
      deadline.clear();
    }
  }

  async #begin(content: PreviewContent, options: { readonly signal: AbortSignal }): Promise<void> {
    const { runId, address, userId, previews, nativeOnly, adapter } = this.#run;
    const target = { address, userId, key: previewKey(runId), nativeOnly, reserve: () => this.#reserve() };
    try {
      this.#live = await previews.begin(target, content, options);
    } catch (error) {
      // Trying again could leave a second message that nothing will ever change.
      const isDoubtful = !(error instanceof SendError) || error.verdict === 'ambiguous';
      if (isDoubtful && !adapter.capabilities.idempotentSend) this.end();
      throw error;
    }
  }

  /** Before a message is posted: should the process die within that, whoever delivers knows that there may be one. */
  async #reserve(): Promise<void> {
    if (this.#hasRow) return;
    const { runId, address, userId } = this.#run;
    const { channel, chatId } = address;
    this.#hasRow = await this.#deps.store.open(runId, { channel, chatId, userId });
    if (this.#hasRow) return;
    this.end();
    throw new AppError('conflict', `run "${runId}" is over, or shown by another process`);
  }

  async #note(): Promise<void> {
    const messageId = this.#live?.messageId;
    if (messageId === undefined || this.#isNoted) return;
    await this.#deps.store.noteMessage(this.#run.runId, messageId);
    this.#isNoted = true;
  }

  #failed(error: unknown): void {
    const { logger, pacer } = this.#deps;
    this.#failures += 1;
    logger.debug({ error, runId: this.#run.runId }, 'an answer could not be shown while it is written');
    const isRateLimited = error instanceof SendError && error.code === 'rate_limited';
    if (isRateLimited && error.pauses === 'account')
      pacer.pause(this.#place.account, error.retryAfterMs ?? 0);
    const isRefused = error instanceof SendError && (error.unauthorized || error.verdict === 'permanent');
    if (isRefused || isRateLimited || this.#failures >= mostFailures) this.end();
  }

  async #close(): Promise<void> {
    const { clock, store, logger } = this.#deps;
    const { runId } = this.#run;
    const deadline = withDeadline(clock, callTimeoutMs);
    const options = { signal: deadline.signal };
    try {
      const keep = this.#isReleased && this.#failures === 0;
      if (keep) await this.#showLastTime(options);
      await this.#live?.end?.(options);
      if (keep && this.#hasRow) await store.release(runId);
    } catch (error) {
      logger.debug({ error, runId }, 'the end of a preview was not told');
    } finally {
      deadline.clear();
    }
    try {
      if (this.#hasRow) await store.close(runId);
    } catch (error) {
      logger.debug({ error, runId }, 'the end of a preview was not noted');
    }
  }

  /** Everything that was said, without a button. */
  async #showLastTime(options: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#live?.messageId === undefined) return;
    const content = previewContent(this.#run.adapter, this.#said);
    if (content === undefined) return;
    const { actions: _none, ...chunk } = content.chunk;
    await this.#live.update({ ...content, chunk }, options);
  }
}

/** Names the first message of a run's preview to platforms that know a message which is sent again. */
export function previewKey(runId: string): string {
  return `preview:${runId}`;
}
