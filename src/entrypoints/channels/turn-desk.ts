import {
  toAppError,
  withDeadline,
  type AppError,
  type Clock,
  type IdGenerator,
  type Logger,
} from '../../base/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import { eventOfMessage, type EventRouter } from '../../engine/routing/index.ts';
import type { RunService, RunStarter } from '../../engine/runs/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { ChannelDefinition, Message, ReplyAddress, RunTarget, Scope } from '../../protocol/index.ts';
import { filesOf, isUnreadable } from './attachment-words.ts';
import type { ChannelAdapter } from './channel-adapter.ts';
import type { Conversation, ConversationState, ConversationStore } from './conversation-store.ts';
import { AttachmentFetcher } from './fetch-attachments.ts';
import { requestOfTurn, scopeOf, type Turn } from './turn-request.ts';
import { WaitingMessages, type KeptMessage } from './waiting-messages.ts';
import { oneTurnOf, pauseLeftMs, pauseMs } from './waiting-rules.ts';

const sweepEveryMs = 5000;
const longestWatchMs = 3_600_000;
const contextLifeMs = 24 * 3_600_000;
const mostFaults = 5;

/** What turns stand on. */
export interface TurnDeskDeps {
  readonly runs: RunService & Pick<RunStarter, 'submitWithin'>;
  readonly router: EventRouter;
  readonly storage: Storage;
  readonly files: FileStore;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  /** Called for each new run that messages started. */
  readonly onSubmitted: (submitted: { runId: string; scope: Scope; message: Message }) => void;
  /** Messages that can never become a turn: their sender has to be told. */
  readonly onHopeless: (error: AppError, message: Message) => void;
  /** A message that says nothing and of whose files none could be read: its sender has to be told. */
  readonly onUnreadable: (message: Message) => void;
}

/** What became of a message. `waiting`: it is kept, and part of a later turn. */
export interface TurnOutcome {
  readonly outcome: 'submitted' | 'duplicate' | 'waiting';
  /** The run that it began, now or the first time. */
  readonly runId?: string;
}

/**
 * Makes turns of messages: at once where nothing is in progress, else as `busy` says. Those that wait are rows, so that no
 * crash loses one; whichever process looks first makes the turn.
 */
export class TurnDesk {
  readonly #deps: TurnDeskDeps;
  readonly #definition: ChannelDefinition;
  readonly #adapter: () => ChannelAdapter;
  readonly #conversations: ConversationStore;
  readonly #waiting: WaitingMessages;
  readonly attachments: AttachmentFetcher;
  readonly #timers = new Map<string, () => void>();
  readonly #watched = new Set<string>();
  readonly #flushing = new Map<string, Promise<void>>();
  readonly #faults = new Map<string, number>();
  #running: { readonly controller: AbortController; readonly stopSweep: () => void } | undefined;

  constructor(
    deps: TurnDeskDeps,
    parts: {
      readonly definition: ChannelDefinition;
      readonly adapter: () => ChannelAdapter;
      readonly conversations: ConversationStore;
    },
  ) {
    this.#deps = deps;
    this.#definition = parts.definition;
    this.#adapter = parts.adapter;
    this.#conversations = parts.conversations;
    this.#waiting = new WaitingMessages(deps.storage);
    this.attachments = new AttachmentFetcher(deps, parts.definition, parts.adapter);
  }

  /** Looks for messages that wait, now and from time to time: those of a process that died, too. */
  start(): void {
    if (this.#running !== undefined) return;
    this.attachments.start();
    const stopSweep = this.#deps.clock.every(sweepEveryMs, () => void this.#sweep());
    this.#running = { controller: new AbortController(), stopSweep };
    void this.#sweep();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.stopSweep();
    running.controller.abort(new Error('the process is stopping'));
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    await Promise.allSettled([...this.#flushing.values(), this.attachments.stop()]);
  }

  /** Durable when it resolves. Rejects with the engine's error. */
  async take(message: Message, conversation: Conversation): Promise<TurnOutcome> {
    const { busy, debounce } = this.#definition.spec;
    if (conversation.isWaiting) return { outcome: 'duplicate' };
    const isBusy = conversation.activeRunIds.length > 0;
    if (busy === 'interrupt' && isBusy) await this.#interrupt(message, conversation);
    const mustWait =
      conversation.waitingMessages > 0 ||
      this.attachments.wants(message) ||
      (busy === 'collect' && isBusy) ||
      message.album_id !== undefined ||
      (debounce > 0 && message.attachments.length === 0);
    if (!mustWait) return this.#submitNow(message, conversation);
    const { sessionKey } = conversation;
    const place = { channel: this.#definition.metadata.name, sessionKey, kind: 'waiting' } as const;
    if (!(await this.#waiting.keep(message, place, this.#deps.clock.now()))) return { outcome: 'duplicate' };
    this.#later(sessionKey, pauseMs(message, this.#definition.spec));
    return { outcome: 'waiting' };
  }

  /** Does a picture of an album wait for the others? */
  async hasAlbum(sessionKey: string, album: string): Promise<boolean> {
    const kept = await this.#waiting.of(sessionKey, 'waiting');
    return kept.some(({ message }) => message.album_id === album);
  }

  /** Keeps talk of a group for its next turn. */
  async keepContext(message: Message, conversation: Conversation): Promise<void> {
    const { sessionKey } = conversation;
    const place = { channel: this.#definition.metadata.name, sessionKey, kind: 'context' } as const;
    const slim: Message = { ...message, metadata: {} };
    if (await this.#waiting.keep(slim, place, this.#deps.clock.now()))
      await this.#waiting.trimContext(sessionKey, this.#definition.spec.access.context);
  }

  /** Makes turns of everything that waits in a session now, whether an answer is in progress or not. */
  flush(sessionKey: string): Promise<void> {
    return this.#chain(sessionKey, true);
  }

  /** What a message of a conversation would reach. */
  targetOf(
    message: Message,
    state: ConversationState,
  ): { readonly target: RunTarget; readonly route: string } {
    const { agent, agents } = this.#definition.spec;
    const chosen = [agent, ...agents].find((name) => name === state.agent);
    const target =
      message.order?.target ?? (chosen === undefined ? undefined : { kind: 'agent', name: chosen });
    const event = eventOfMessage(message, this.#definition.metadata.name);
    const decision = this.#deps.router.decide(
      target === undefined ? event : { ...event, target },
      this.#definition,
    );
    return { target: decision.target, route: decision.rule ?? decision.reason };
  }

  async #submitNow(message: Message, conversation: Conversation): Promise<TurnOutcome> {
    const { sessionKey, state } = conversation;
    const context = await this.#contextOf(message, sessionKey);
    const turn = this.#turn(
      [message],
      context.map((kept) => kept.message),
      sessionKey,
      state,
    );
    const scope = scopeOf(message, turn.target.kind);
    const request = requestOfTurn(turn);
    const submitted =
      context.length === 0
        ? await this.#deps.runs.submit(scope, request)
        : await this.#deps.runs
            .submitWithin(scope, request, async (trx) => {
              await this.#waiting.drop(trx, context);
              return true;
            })
            .catch(duplicateOf);
    if (submitted === undefined) return { outcome: 'duplicate' };
    if (submitted.duplicate) return { outcome: 'duplicate', runId: submitted.runId };
    this.#deps.onSubmitted({ runId: submitted.runId, scope, message });
    return { outcome: 'submitted', runId: submitted.runId };
  }

  #turn(
    messages: readonly Message[],
    context: readonly Message[],
    sessionKey: string,
    state: ConversationState,
  ): Turn {
    const [first] = messages;
    const last = messages.at(-1);
    if (first === undefined || last === undefined) throw new TypeError('a turn without messages');
    return {
      channel: this.#definition.metadata.name,
      messages,
      context,
      ...this.targetOf(first, state),
      model: this.#definition.spec.models.find((name) => name === state.model),
      sessionKey,
      replyTo: this.#replyTo(last),
    };
  }

  #replyTo(message: Message): ReplyAddress | null {
    const adapter = this.#adapter();
    return adapter.wantsReply?.(message) === false ? null : adapter.replyAddress(message);
  }

  async #contextOf(message: Message, sessionKey: string): Promise<readonly KeptMessage[]> {
    const { context } = this.#definition.spec.access;
    if (message.chat_type === 'dm' || context === 0) return [];
    return (await this.#waiting.of(sessionKey, 'context')).slice(-context);
  }

  async #interrupt(message: Message, { activeRunIds }: Conversation): Promise<void> {
    for (const id of activeRunIds) {
      try {
        await this.#deps.runs.cancel(scopeOf(message), id);
      } catch (error) {
        const { code } = toAppError(error);
        // It ended in the meantime.
        if (code !== 'conflict' && code !== 'not_found') throw error;
      }
    }
  }

  #later(sessionKey: string, milliseconds: number): void {
    if (this.#running === undefined) return;
    this.#timers.get(sessionKey)?.();
    const cancel = this.#deps.clock.after(milliseconds, () => {
      this.#timers.delete(sessionKey);
      void this.#chain(sessionKey, false).catch((error: unknown) =>
        this.#deps.logger.warn({ error }, 'messages that wait will be looked at again'),
      );
    });
    this.#timers.set(sessionKey, cancel);
  }

  /** One at a time per session. */
  #chain(sessionKey: string, force: boolean): Promise<void> {
    const before = this.#flushing.get(sessionKey) ?? Promise.resolve();
    const next = before.catch(() => {}).then(() => this.#flush(sessionKey, force));
    const settled = next
      .catch(() => {})
      .finally(() => {
        if (this.#flushing.get(sessionKey) === settled) this.#flushing.delete(sessionKey);
      });
    this.#flushing.set(sessionKey, settled);
    return next;
  }

  async #flush(sessionKey: string, force: boolean): Promise<void> {
    for (;;) {
      const all = await this.#waiting.of(sessionKey, 'waiting');
      const kept = this.attachments.ready(all, (afterMs) => this.#later(sessionKey, afterMs));
      const [oldest] = kept;
      const newest = kept.at(-1);
      if (oldest === undefined || newest === undefined) return;
      if (!force) {
        const left = pauseLeftMs({ oldest, newest }, this.#definition.spec, this.#deps.clock.now());
        if (left > 0) {
          this.#later(sessionKey, left);
          return;
        }
        if (this.#definition.spec.busy === 'collect') {
          const active = (await this.#conversations.activeRunIds(sessionKey)).at(-1);
          if (active !== undefined) {
            void this.#afterRun(sessionKey, active, oldest.message);
            return;
          }
        }
      }
      if (!(await this.#submitKept(sessionKey, kept))) return;
    }
  }

  /** False: another process does it. */
  async #submitKept(sessionKey: string, kept: readonly KeptMessage[]): Promise<boolean> {
    const [first] = kept;
    if (first === undefined) return false;
    const isAlone = first.message.album_id === undefined;
    if (isAlone && this.attachments.wants(first.message) && isUnreadable(first.message)) {
      if (await this.#deps.storage.transaction((trx) => this.#waiting.take(trx, [first])))
        this.#deps.onUnreadable(first.message);
      return true;
    }
    const state = await this.#conversations.state(first.message);
    const together = this.#together(kept, state);
    try {
      return await this.#submitTurn(sessionKey, together, state);
    } catch (error) {
      const reason = toAppError(error);
      if (reason.code === 'conflict' && (await this.#waiting.dropAccepted(together)) > 0) return true;
      const faults = (this.#faults.get(first.id) ?? 0) + 1;
      const hopeless =
        !reason.retryable &&
        (reason.fault === 'caller' || (reason.fault === 'internal' && faults >= mostFaults));
      if (!hopeless) {
        if (reason.fault === 'internal') this.#faults.set(first.id, faults);
        throw error;
      }
      this.#faults.delete(first.id);
      if (await this.#deps.storage.transaction((trx) => this.#waiting.take(trx, together)))
        this.#deps.onHopeless(reason, together.at(-1)?.message ?? first.message);
      return true;
    }
  }

  async #submitTurn(
    sessionKey: string,
    kept: readonly KeptMessage[],
    state: ConversationState,
  ): Promise<boolean> {
    const [first, ...others] = kept;
    if (first === undefined) return false;
    const { runs, ids, onSubmitted } = this.#deps;
    const message = kept.at(-1)?.message ?? first.message;
    const context = await this.#contextOf(message, sessionKey);
    const talk = context.map((one) => one.message);
    const turn = this.#turn(
      kept.map((one) => one.message),
      talk,
      sessionKey,
      state,
    );
    const scope = scopeOf(message, turn.target.kind);
    const absorbed = others.map((one) => ({
      id: ids('req'),
      receivedAtMs: one.receivedAtMs,
      request: requestOfTurn({
        ...turn,
        messages: [one.message],
        context: [],
        replyTo: this.#replyTo(one.message),
      }),
    }));
    const { tenant } = scope;
    const submitted = await runs.submitWithin(scope, requestOfTurn(turn), async (trx, runId) => {
      if (!(await this.#waiting.take(trx, kept))) return false;
      await this.#deps.files.attach(trx, { tenant, runId, direction: 'in' }, filesOf(turn.messages));
      await this.#waiting.drop(trx, context);
      await this.#waiting.absorb(trx, runId, absorbed);
      return true;
    });
    if (submitted === undefined) return false;
    this.#faults.delete(first.id);
    onSubmitted({ runId: submitted.runId, scope, message });
    return true;
  }

  #together(kept: readonly KeptMessage[], state: ConversationState): readonly KeptMessage[] {
    return oneTurnOf(kept, this.#definition.spec, (message) => {
      const { chatId, threadId = '' } = this.#adapter().replyAddress(message);
      const { target } = this.targetOf(message, state);
      return [chatId, threadId, target.kind, target.name].join('\n');
    });
  }

  async #afterRun(sessionKey: string, runId: string, message: Message): Promise<void> {
    const running = this.#running;
    if (running === undefined || this.#watched.has(sessionKey)) return;
    this.#watched.add(sessionKey);
    const deadline = withDeadline(this.#deps.clock, longestWatchMs, running.controller.signal);
    try {
      await this.#deps.runs.response(scopeOf(message), runId, { signal: deadline.signal });
      this.#later(sessionKey, 0);
    } catch (error) {
      // The sweep looks again.
      this.#deps.logger.debug({ error, runId }, 'a run was not watched to its end');
    } finally {
      deadline.clear();
      this.#watched.delete(sessionKey);
    }
  }

  async #sweep(): Promise<void> {
    try {
      const now = this.#deps.clock.now();
      const sessions = await this.#waiting.sessions(this.#definition.metadata.name, new Date(now));
      for (const key of sessions) {
        const isLookedAfter = this.#timers.has(key) || this.#watched.has(key) || this.#flushing.has(key);
        if (!isLookedAfter) this.#later(key, 0);
      }
      if (this.#definition.spec.access.context > 0)
        await this.#waiting.deleteContextBefore(new Date(now - contextLifeMs));
    } catch (error) {
      this.#deps.logger.warn({ error }, 'messages that wait could not be looked for');
    }
  }
}

/** A key that was used before is a message that was taken in before. */
function duplicateOf(error: unknown): undefined {
  if (toAppError(error).code !== 'conflict') throw error;
  return undefined;
}
