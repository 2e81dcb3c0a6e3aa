import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/** The server's end of a WebSocket that a fake platform has accepted. Texts in one frame only. */
export class LoopbackWebSocket {
  /** Called with each text that arrives. */
  onText: (text: string) => void = () => {};
  /** Called once, with the close code; `undefined` where the connection broke. */
  onClose: (code: number | undefined) => void = () => {};
  readonly #socket: Duplex;
  #pending = Buffer.alloc(0);
  #open = true;

  /** Answers an upgrade request. */
  constructor(request: IncomingMessage, socket: Duplex) {
    this.#socket = socket;
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key'] ?? ''}${magic}`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('data', (data: Buffer) => this.#receive(data));
    socket.on('close', () => this.#end(undefined));
    socket.on('error', () => this.#end(undefined));
  }

  get isOpen(): boolean {
    return this.#open;
  }

  sendText(text: string): void {
    this.#write(opcodes.text, Buffer.from(text));
  }

  ping(): void {
    this.#write(opcodes.ping, Buffer.from('ping'));
  }

  /** Says goodbye and ends the connection. */
  close(code = 1000): void {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#write(opcodes.close, payload);
    this.#end(code);
    this.#socket.end();
  }

  /** Breaks the connection without a goodbye. */
  cut(): void {
    this.#socket.destroy();
  }

  #end(code: number | undefined): void {
    if (!this.#open) return;
    this.#open = false;
    this.onClose(code);
  }

  #write(opcode: number, payload: Buffer): void {
    if (!this.#open || this.#socket.destroyed) return;
    const head = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(payload.length < 65_536 ? 4 : 10);
    head[0] = 0x80 | opcode;
    if (head.length === 2) head[1] = payload.length;
    else if (head.length === 4) {
      head[1] = 126;
      head.writeUInt16BE(payload.length, 2);
    } else {
      head[1] = 127;
      head.writeBigUInt64BE(BigInt(payload.length), 2);
    }
    this.#socket.write(Buffer.concat([head, payload]));
  }

  #receive(data: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, data]);
    for (let frame = this.#nextFrame(); frame !== undefined; frame = this.#nextFrame()) {
      const { opcode, payload } = frame;
      if (opcode === opcodes.text) this.onText(payload.toString('utf8'));
      else if (opcode === opcodes.ping) this.#write(opcodes.pong, payload);
      else if (opcode === opcodes.close) this.close(payload.length >= 2 ? payload.readUInt16BE(0) : 1005);
    }
  }

  /** A client's frames are masked. */
  #nextFrame(): { opcode: number; payload: Buffer } | undefined {
    const data = this.#pending;
    if (data.length < 6) return undefined;
    const short = (data[1] ?? 0) & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (data.length < 6 + lengthBytes) return undefined;
    const length =
      lengthBytes === 0 ? short : lengthBytes === 2 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
    const start = 6 + lengthBytes;
    if (data.length < start + length) return undefined;
    const mask = data.subarray(start - 4, start);
    const payload = Buffer.from(data.subarray(start, start + length));
    for (let at = 0; at < length; at += 1) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0);
    this.#pending = data.subarray(start + length);
    return { opcode: (data[0] ?? 0) & 0x0f, payload };
  }
}
