import { randomUUID } from 'node:crypto';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { ChannelAdapterContext, Chunk } from '../channel-adapter.ts';
import { postAnswer } from './post-answer.ts';
import { signPost, type Signing } from './sign-post.ts';

const mostAnswerBytes = 1_000_000;

/** Posts answers to the hosts that a definition names, signed. */
export class AnswerPoster {
  readonly #context: Pick<ChannelAdapterContext, 'clock' | 'createEgress' | 'allowPrivate'>;
  readonly #signing: Signing;
  readonly #hosts: readonly string[];
  #egress: EgressClient | undefined;

  constructor(
    context: Pick<ChannelAdapterContext, 'clock' | 'createEgress' | 'allowPrivate'>,
    settings: { readonly signing: Signing; readonly hosts: readonly string[] },
  ) {
    this.#context = context;
    this.#signing = settings.signing;
    this.#hosts = settings.hosts;
  }

  /** Returns the id that the receiver knows it by. Throws `SendError`. */
  async post(
    url: string,
    { body }: Chunk,
    { signal, key = randomUUID() }: { readonly signal: AbortSignal; readonly key?: string },
  ): Promise<string> {
    const nowMs = this.#context.clock.now();
    // Asked for each post: a stopped channel has closed its connections.
    this.#egress ??= this.#context.createEgress({
      allowPrivate: this.#context.allowPrivate,
      hosts: this.#hosts,
      maxBodyBytes: mostAnswerBytes,
    });
    const headers = signPost(this.#signing, { id: key, body, nowMs });
    await postAnswer(this.#egress, { url, headers, body, nowMs, signal });
    return key;
  }

  async close(): Promise<void> {
    const egress = this.#egress;
    this.#egress = undefined;
    await egress?.close();
  }
}
