import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What was posted. */
export interface ReceivedPost {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

/** `cut`: the connection breaks after the post has arrived. `hang`: nothing comes. */
export type ReceiverAnswer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | 'cut'
  | 'hang';

/** A program on loopback that gets posts, and refuses as many as it is told to. */
export class FakeReceiver {
  readonly posts: ReceivedPost[] = [];
  /** Answers of the next posts. */
  readonly answers: ReceiverAnswer[] = [];
  /** Answer of all others. */
  usual: ReceiverAnswer = { status: 204 };
  readonly #server: Server;
  readonly #watchers = new Set<() => void>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = Buffer.concat(parts).toString();
        this.posts.push({ path: request.url ?? '', headers: request.headers, body });
        const answer = this.answers.shift() ?? this.usual;
        if (answer === 'cut') request.socket.destroy();
        else if (answer !== 'hang') response.writeHead(answer.status, { ...answer.headers }).end();
        for (const look of this.#watchers) look();
      });
    });
  }

  static async start(): Promise<FakeReceiver> {
    const receiver = new FakeReceiver();
    await new Promise<void>((resolve) => {
      receiver.#server.listen(0, '127.0.0.1', resolve);
    });
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Resolves with all posts as soon as there are so many. */
  async waitFor(count: number): Promise<readonly ReceivedPost[]> {
    while (this.posts.length < count) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#watchers.delete(look);
          resolve();
        };
        this.#watchers.add(look);
      });
    }
    return this.posts;
  }
}
