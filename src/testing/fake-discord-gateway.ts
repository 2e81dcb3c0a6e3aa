import type { Server } from 'node:http';
import { acceptWebSockets, type FakeSocket } from './fake-web-socket-server.ts';

interface GatewayEvent {
  readonly t: string;
  readonly s: number;
  readonly d: unknown;
}

interface Session {
  readonly id: string;
  readonly events: GatewayEvent[];
  socket: FakeSocket | undefined;
}

/** The gateway of one fake bot: sessions, sequence numbers, heartbeats, and what it takes to go on after a break. */
export class FakeDiscordGateway {
  /** Operations that clients sent, with the data. */
  readonly received: { readonly op: number; readonly d: unknown }[] = [];
  /** Said in place of an answer to the next IDENTIFY or RESUME, one each. */
  readonly closeNext: number[] = [];
  heartbeatMs = 41_250;
  answersHeartbeats = true;
  readonly #sessions: Session[] = [];
  readonly #sockets = new Set<FakeSocket>();
  readonly #bot: { readonly id: string; readonly token: string };
  readonly #changed: () => void;
  readonly #address: () => string;

  constructor(deps: {
    server: Server;
    bot: { id: string; token: string };
    /** Address of the WebSocket. */
    address: () => string;
    changed: () => void;
  }) {
    this.#bot = deps.bot;
    this.#changed = deps.changed;
    this.#address = deps.address;
    acceptWebSockets(deps.server, (socket) => this.#accept(socket));
  }

  /** Clients that are connected and have a session. */
  get connected(): number {
    return this.#sessions.filter((session) => session.socket !== undefined).length;
  }

  countOf(op: number): number {
    return this.received.filter((one) => one.op === op).length;
  }

  /** Sends an event to the client, now or when it goes on with its session. */
  dispatch(t: string, d: unknown): void {
    const session = this.#sessions.at(-1);
    if (session === undefined) throw new Error('no client has a session');
    const event = { t, s: session.events.length + 1, d };
    session.events.push(event);
    session.socket?.send(JSON.stringify({ op: 0, ...event }));
  }

  /** Sends everything since an event again, as after a resume from there. */
  replay(fromSeq: number): void {
    const session = this.#sessions.at(-1);
    for (const event of session?.events.slice(fromSeq) ?? [])
      session?.socket?.send(JSON.stringify({ op: 0, ...event }));
  }

  /** Sends any operation. */
  say(op: number, d: unknown = null): void {
    this.#sessions.at(-1)?.socket?.send(JSON.stringify({ op, d }));
  }

  close(code: number): void {
    for (const socket of this.#sockets) socket.close(code);
  }

  cut(): void {
    for (const socket of this.#sockets) socket.cut();
  }

  /** Forgets sessions: a resume is then refused. */
  forgetSessions(): void {
    this.#sessions.length = 0;
  }

  #accept(socket: FakeSocket): void {
    this.#sockets.add(socket);
    socket.onClose = () => {
      this.#sockets.delete(socket);
      for (const session of this.#sessions) if (session.socket === socket) session.socket = undefined;
      this.#changed();
    };
    socket.onMessage = (text) => {
      const { op, d } = JSON.parse(text) as { op: number; d: never };
      this.received.push({ op, d });
      this.#answer(socket, op, d);
      this.#changed();
    };
    socket.send(JSON.stringify({ op: 10, d: { heartbeat_interval: this.heartbeatMs } }));
  }

  #answer(socket: FakeSocket, op: number, d: { token?: string; session_id?: string; seq?: number }): void {
    if (op === 1) {
      if (this.answersHeartbeats) socket.send(JSON.stringify({ op: 11 }));
      return;
    }
    if (op !== 2 && op !== 6) return;
    const code = this.closeNext.shift();
    if (code !== undefined) socket.close(code);
    else if (d.token !== this.#bot.token) socket.close(4004);
    else if (op === 2) this.#identify(socket);
    else this.#resume(socket, d);
  }

  #identify(socket: FakeSocket): void {
    const session: Session = {
      id: `session-${this.#sessions.length + 1}-${this.received.length}`,
      events: [],
      socket,
    };
    this.#sessions.push(session);
    this.dispatch('READY', {
      v: 10,
      session_id: session.id,
      resume_gateway_url: this.#address(),
      user: { id: this.#bot.id, bot: true, username: 'agent33' },
      guilds: [],
    });
  }

  #resume(socket: FakeSocket, { session_id: id, seq = 0 }: { session_id?: string; seq?: number }): void {
    const session = this.#sessions.find((one) => one.id === id);
    if (session === undefined) {
      socket.send(JSON.stringify({ op: 9, d: false }));
      return;
    }
    session.socket = socket;
    for (const event of session.events.slice(seq)) socket.send(JSON.stringify({ op: 0, ...event }));
    this.dispatch('RESUMED', {});
  }
}
