import {
  tryParseJson,
  isJsonObject,
  type Clock,
  type JsonObject,
  type Logger,
} from '../../../../base/index.ts';
import { readCloseCode } from './close-codes.ts';
import {
  gatewayFrame,
  operations,
  readyEvent,
  type GatewayFrame,
  type GatewaySession,
} from './gateway-session.ts';

const helloWaitMs = 20_000;
const mostWaiting = 10_000;
/** Any code but 1000 and 1001 leaves the session alive. */
const resumableClose = 4900;

/** How a connection ended. `session`: what to go on with, if anything. */
export interface ConnectionEnd {
  readonly next: 'resume' | 'identify' | 'fatal' | 'stopped';
  readonly reason: string;
  readonly session: GatewaySession | undefined;
}

/** What one connection stands on. */
export interface ConnectionDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connect: (address: string) => WebSocket;
  readonly token: string;
  readonly intents: number;
  /** Takes in an event; durable when it resolves. True: it was a message for the pipeline. */
  readonly onEvent: (event: JsonObject, botId: string) => Promise<boolean>;
  /** The session is up, and events flow. */
  readonly onUp: (session: GatewaySession) => void;
  /** Stores how far the session is. */
  readonly save: (session: GatewaySession) => Promise<void>;
}

/**
 * One connection to the gateway: says who it is or goes on with a session, keeps the heartbeat, and takes in events one
 * after the other. The sequence number moves only behind events that are durable, so that Discord repeats the others.
 */
export class GatewayConnection {
  readonly #deps: ConnectionDeps;
  readonly #socket: WebSocket;
  readonly #ended = Promise.withResolvers<Omit<ConnectionEnd, 'session'>>();
  readonly #resuming: boolean;
  #session: GatewaySession | undefined;
  #savedSeq: number;
  #isOver = false;
  #waiting = 0;
  #work: Promise<void> = Promise.resolve();
  #isAcknowledged = true;
  #stopHeartbeat = (): void => {};

  private constructor(deps: ConnectionDeps, session: GatewaySession | undefined, address: string) {
    this.#deps = deps;
    this.#session = session;
    this.#savedSeq = session?.seq ?? 0;
    this.#resuming = session !== undefined;
    this.#socket = deps.connect(address);
  }

  /** Runs one connection until it ends; what was being taken in is finished and the place saved. Never rejects. */
  static async run(
    deps: ConnectionDeps,
    options: { session: GatewaySession | undefined; address: string; signal: AbortSignal },
  ): Promise<ConnectionEnd> {
    const connection = new GatewayConnection(deps, options.session, options.address);
    return connection.#run(options.signal);
  }

  async #run(signal: AbortSignal): Promise<ConnectionEnd> {
    const socket = this.#socket;
    const onAbort = (): void => this.#end('stopped', 'the connection is no longer wanted');
    const cancelHello = this.#deps.clock.after(helloWaitMs, () =>
      this.#end('resume', 'the gateway did not say hello'),
    );
    socket.addEventListener('message', ({ data }) => {
      this.#onFrame(typeof data === 'string' ? data : '', cancelHello);
    });
    socket.addEventListener('close', ({ code }) => {
      const closed = readCloseCode(code);
      this.#end(
        closed.next,
        closed.next === 'fatal' ? closed.reason : `the gateway closed the connection (code ${code})`,
      );
    });
    // The close event that follows says all there is to say.
    socket.addEventListener('error', () => {});
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const end = await this.#ended.promise;
    signal.removeEventListener('abort', onAbort);
    cancelHello();
    this.#stopHeartbeat();
    await this.#work;
    await this.#save();
    return { ...end, session: end.next === 'identify' ? undefined : this.#session };
  }

  #end(next: ConnectionEnd['next'], reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended.resolve({ next, reason });
    if (this.#socket.readyState <= WebSocket.OPEN) this.#socket.close(resumableClose);
  }

  #send(op: number, d: unknown): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ op, d }));
  }

  #onFrame(text: string, onHello: () => void): void {
    if (this.#isOver) return;
    const raw = tryParseJson(text);
    const parsed = gatewayFrame.safeParse(raw);
    if (!parsed.success || !isJsonObject(raw)) return;
    const frame = parsed.data;
    switch (frame.op) {
      case operations.hello:
        onHello();
        this.#hello(frame);
        break;
      case operations.heartbeatAck:
        this.#isAcknowledged = true;
        break;
      case operations.heartbeat:
        this.#send(operations.heartbeat, this.#session?.seq ?? null);
        break;
      case operations.reconnect:
        this.#end('resume', 'the gateway asked for a new connection');
        break;
      case operations.invalidSession:
        this.#end(frame.d === true ? 'resume' : 'identify', 'the gateway no longer knows the session');
        break;
      case operations.dispatch:
        this.#enqueue(frame, raw);
        break;
      default:
    }
  }

  #hello({ d }: GatewayFrame): void {
    const interval = (d as { heartbeat_interval?: unknown } | null | undefined)?.heartbeat_interval;
    const intervalMs = typeof interval === 'number' && interval >= 10 ? interval : 41_250;
    this.#beat(intervalMs, intervalMs * Math.random());
    if (this.#session !== undefined) {
      const { sessionId, seq } = this.#session;
      this.#send(operations.resume, { token: this.#deps.token, session_id: sessionId, seq });
      return;
    }
    this.#send(operations.identify, {
      token: this.#deps.token,
      intents: this.#deps.intents,
      properties: { os: process.platform, browser: 'agent33', device: 'agent33' },
    });
  }

  /** A heartbeat that stays without answer means a connection that is dead without knowing it. */
  #beat(intervalMs: number, waitMs: number): void {
    this.#stopHeartbeat();
    this.#stopHeartbeat = this.#deps.clock.after(waitMs, () => {
      if (!this.#isAcknowledged) {
        this.#end('resume', 'the gateway no longer answers');
        return;
      }
      this.#isAcknowledged = false;
      this.#send(operations.heartbeat, this.#session?.seq ?? null);
      this.#work = this.#work.then(() => this.#save());
      this.#beat(intervalMs, intervalMs);
    });
  }

  #enqueue(frame: GatewayFrame, raw: JsonObject): void {
    if (this.#waiting >= mostWaiting) {
      this.#end('resume', 'events come faster than they can be stored');
      return;
    }
    this.#waiting += 1;
    this.#work = this.#work
      .then(() => this.#take(frame, raw))
      .catch((error: unknown) => {
        this.#deps.logger.warn({ error }, 'a gateway event could not be stored yet');
        this.#end('resume', error instanceof Error ? error.message : 'an event could not be stored');
      })
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  async #take(frame: GatewayFrame, raw: JsonObject): Promise<void> {
    // Whatever comes behind an event that was not stored is repeated with it.
    if (this.#isOver) return;
    const seq = frame.s ?? this.#session?.seq ?? 0;
    if (frame.t === 'READY') {
      const ready = readyEvent.parse(frame.d);
      const { session_id: sessionId, resume_gateway_url: resumeUrl } = ready;
      this.#session = { sessionId, resumeUrl, seq, botId: ready.user.id };
      await this.#deps.save(this.#session);
      this.#savedSeq = seq;
      this.#deps.onUp(this.#session);
      return;
    }
    if (this.#session === undefined) return;
    if (frame.t === 'RESUMED' && this.#resuming) this.#deps.onUp(this.#session);
    const isMessage = await this.#deps.onEvent(raw, this.#session.botId);
    this.#session = { ...this.#session, seq: Math.max(seq, this.#session.seq) };
    if (isMessage && this.#waiting <= 1) await this.#save();
  }

  /** Best effort: an older place only means that Discord repeats what is known already. */
  async #save(): Promise<void> {
    const session = this.#session;
    if (session === undefined || session.seq === this.#savedSeq) return;
    try {
      await this.#deps.save(session);
      this.#savedSeq = session.seq;
    } catch (error) {
      this.#deps.logger.warn({ error }, 'the place in the gateway session was not saved');
    }
  }
}
