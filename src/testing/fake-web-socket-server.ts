import { createHash } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

const acceptKey = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const textFrame = 1;
const closeFrame = 8;
const pingFrame = 9;

/** The server's end of one WebSocket. */
export interface FakeSocket {
  readonly path: string;
  send(text: string): void;
  ping(): void;
  /** Says goodbye with a code. */
  close(code: number): void;
  /** Breaks the connection without a word. */
  cut(): void;
  onMessage: (text: string) => void;
  onClose: (code: number) => void;
}

/** Lets an HTTP server take WebSockets: whole text frames, close and ping; enough for fakes. */
export function acceptWebSockets(server: Server, onSocket: (socket: FakeSocket) => void): void {
  server.on('upgrade', (request: IncomingMessage, stream: Duplex) => {
    const key = String(request.headers['sec-websocket-key']);
    const accept = createHash('sha1')
      .update(key + acceptKey)
      .digest('base64');
    stream.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    let received = Buffer.alloc(0);
    let isClosed = false;
    const closed = (code: number): void => {
      if (isClosed) return;
      isClosed = true;
      socket.onClose(code);
    };
    const goodbye = (payload: Buffer): number => (payload.length >= 2 ? payload.readUInt16BE(0) : 1005);
    const socket: FakeSocket = {
      path: request.url ?? '',
      send: (text) => void stream.write(frame(textFrame, Buffer.from(text))),
      ping: () => void stream.write(frame(pingFrame, Buffer.from('ping'))),
      close(code) {
        const payload = Buffer.alloc(2);
        payload.writeUInt16BE(code);
        stream.end(frame(closeFrame, payload));
        closed(code);
      },
      cut() {
        stream.destroy();
        closed(1006);
      },
      onMessage: () => {},
      onClose: () => {},
    };
    stream.on('error', () => {});
    stream.on('close', () => closed(1006));
    stream.on('data', (part: Buffer) => {
      received = Buffer.concat([received, part]);
      for (let next = readFrame(received); next !== undefined; next = readFrame(received)) {
        received = received.subarray(next.length);
        if (next.kind === textFrame) socket.onMessage(next.payload.toString('utf8'));
        else if (next.kind === pingFrame) stream.write(frame(10, next.payload));
        else if (next.kind === closeFrame) {
          stream.end(frame(closeFrame, next.payload));
          closed(goodbye(next.payload));
        }
      }
    });
    onSocket(socket);
  });
}

function frame(kind: number, payload: Buffer): Buffer {
  const head = [0x80 | kind];
  if (payload.length < 126) return Buffer.concat([Buffer.from([...head, payload.length]), payload]);
  const length = Buffer.alloc(payload.length < 65_536 ? 2 : 8);
  if (length.length === 2) length.writeUInt16BE(payload.length);
  else length.writeBigUInt64BE(BigInt(payload.length));
  return Buffer.concat([Buffer.from([...head, length.length === 2 ? 126 : 127]), length, payload]);
}

/** The first frame of what a client sent, unmasked; `undefined`: it is not whole yet. */
function readFrame(bytes: Buffer): { kind: number; payload: Buffer; length: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = (bytes[1] ?? 0) & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (bytes.length < 2 + extra + 4) return undefined;
  const size = extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const start = 2 + extra + 4;
  if (bytes.length < start + size) return undefined;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + size));
  for (const [index, byte] of payload.entries()) payload[index] = byte ^ (mask[index % 4] ?? 0);
  return { kind: (bytes[0] ?? 0) & 0x0f, payload, length: start + size };
}
