import { AppError, tryParseJson, type Clock, type Json, type Logger } from '../../../../base/index.ts';
import { withoutToken } from '../decode-webhook.ts';
import type { Acceptance } from '../../channel-adapter.ts';
import { socketEnvelope, type SocketEnvelope } from './envelope.ts';
import { watchPings } from './watch-pings.ts';

const helloTimeoutMs = 15_000;
const closeTimeoutMs = 1000;
/** An event that takes longer is left to Slack to send again. */
const drainTimeoutMs = 5000;
const lookEveryMs = 15_000;
/** Slack pings every few seconds: after so much silence the line is dead. */
const longestSilenceMs = 60_000;

/** How a session ended: Slack wants a new one, the line broke, or Socket Mode was switched off for the app. */
export type SessionEnd = 'refresh' | 'lost' | 'disabled';

export interface SocketSessionDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connect: (address: string) => WebSocket;
  /** Durable when it resolves. */
  readonly accept: (update: unknown) => Promise<Acceptance>;
}

/** One connection of Socket Mode. Events are taken in one at a time and acknowledged once they are durable. */
export class SocketSession {
  /** Resolves when the session has to be replaced. After `refresh` events still come until it is closed. */
  readonly ended: Promise<SessionEnd>;
  readonly #deps: SocketSessionDeps;
  readonly #socket: WebSocket;
  readonly #hello = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<SessionEnd>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #cancels: (() => void)[] = [];
  #work: Promise<void> = Promise.resolve();
  #heardAt: number;
  #pings = false;
  #closing = false;

  private constructor(deps: SocketSessionDeps, address: string) {
    this.#deps = deps;
    this.#heardAt = deps.clock.now();
    this.ended = this.#end.promise;
    this.#socket = deps.connect(address);
    this.#socket.addEventListener('message', ({ data }) => this.#receive(data));
    this.#socket.addEventListener('close', () => this.#lost());
    this.#socket.addEventListener('error', () => this.#lost());
    this.#cancels.push(
      watchPings(this.#socket, () => {
        this.#pings = true;
        this.#heardAt = deps.clock.now();
      }),
      deps.clock.every(lookEveryMs, () => {
        if (this.#pings && deps.clock.now() - this.#heardAt > longestSilenceMs) this.#lost();
      }),
    );
    this.#hello.promise.catch(() => undefined);
  }

  /** Resolves once Slack has greeted. Error: `upstream_error`, or the reason of the signal. */
  static async open(deps: SocketSessionDeps, address: string, signal: AbortSignal): Promise<SocketSession> {
    const session = new SocketSession(deps, address);
    const refuse = (reason: unknown) => () => session.#hello.reject(reason);
    const late = new AppError('upstream_error', 'Slack opened no session in time');
    const cancel = deps.clock.after(helloTimeoutMs, refuse(late));
    const onAbort = (): void => session.#hello.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await session.#hello.promise;
      return session;
    } catch (error) {
      await session.close();
      throw error;
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Ends what is under way, then the connection, so that Slack sends it nothing more. */
  async close(): Promise<void> {
    this.#closing = true;
    const drained = Promise.withResolvers<void>();
    const cancelDrain = this.#deps.clock.after(drainTimeoutMs, () => drained.resolve());
    await Promise.race([this.#work, drained.promise]);
    cancelDrain();
    for (const cancel of this.#cancels.splice(0)) cancel();
    if (this.#socket.readyState !== WebSocket.CLOSED) {
      this.#socket.close(1000);
      const cancel = this.#deps.clock.after(closeTimeoutMs, () => this.#closed.resolve());
      await this.#closed.promise;
      cancel();
    }
    this.#end.resolve('lost');
  }

  #lost(): void {
    this.#hello.reject(new AppError('upstream_error', 'the connection to Slack broke'));
    this.#end.resolve('lost');
    this.#closed.resolve();
  }

  #receive(data: unknown): void {
    this.#heardAt = this.#deps.clock.now();
    const parsed = socketEnvelope.safeParse(typeof data === 'string' ? tryParseJson(data) : undefined);
    if (!parsed.success) return;
    const envelope = parsed.data;
    if (envelope.type === 'hello') this.#greeted(envelope);
    else if (envelope.type === 'disconnect') {
      const end = envelope.reason === 'link_disabled' ? 'disabled' : 'refresh';
      this.#end.resolve(end);
      this.#hello.reject(new AppError('upstream_error', 'Slack ended the session before it began'));
    } else if (typeof envelope.envelope_id === 'string' && !this.#closing) {
      this.#work = this.#work.then(() => this.#take(envelope));
    }
  }

  #greeted({ num_connections: connections }: SocketEnvelope): void {
    // While a session is replaced there are two for a moment.
    if (typeof connections === 'number' && connections > 2) {
      const message =
        'other connections of this app take a share of its events; is it used by another program?';
      this.#deps.logger.warn({ connections }, message);
    }
    this.#hello.resolve();
  }

  /** Without an acknowledgement Slack sends the event again. */
  async #take(envelope: SocketEnvelope): Promise<void> {
    try {
      const { afterAck, reply } = await this.#deps.accept(withoutToken(envelope.payload));
      const payload: Json | undefined =
        envelope.accepts_response_payload === true && reply?.body !== undefined
          ? tryParseJson(reply.body)
          : undefined;
      const answer = { envelope_id: envelope.envelope_id, ...(payload === undefined ? {} : { payload }) };
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(answer));
      if (afterAck !== undefined) this.#deps.clock.after(0, () => void afterAck());
    } catch (error) {
      this.#deps.logger.warn({ error }, 'an event could not be stored yet; Slack will send it again');
    }
  }
}
