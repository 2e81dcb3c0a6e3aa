import { AppError, toAppError, withDeadline, type Clock, type Logger } from '../../base/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import {
  defaultTenant,
  type Attachment,
  type ChannelDefinition,
  type Message,
} from '../../protocol/index.ts';
import { AttachmentRows } from './attachment-rows.ts';
import { isSettled, sizeOf } from './attachment-words.ts';
import { backOffMs } from './back-off.ts';
import type { ChannelAdapter } from './channel-adapter.ts';
import { SendError } from './send-error.ts';
import type { KeptMessage } from './waiting-messages.ts';

/** Longest time for one file. */
const fileTimeoutMs = 120_000;
/** How long a message stays with a process that died. */
const claimMs = 15_000;
const renewEveryMs = 5000;
const mostTries = 5;
const backOff = { baseMs: 500, maxMs: 30_000 };
/** Files fetched side by side by one channel; each may be in memory whole. */
const mostAtOnce = 4;

/** What fetching stands on. */
export interface AttachmentFetcherDeps {
  readonly files: FileStore;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Fetches the files of messages that wait, each into the blob store and then onto the message's row. A file that cannot be
 * had gets a reason instead; so every message is settled at last.
 */
export class AttachmentFetcher {
  readonly #deps: AttachmentFetcherDeps;
  readonly #definition: ChannelDefinition;
  readonly #adapter: () => ChannelAdapter;
  readonly #rows: AttachmentRows;
  readonly #underWay = new Map<string, Promise<void>>();
  #stopping = new AbortController();
  #atWork = 0;
  readonly #queue: (() => void)[] = [];

  constructor(deps: AttachmentFetcherDeps, definition: ChannelDefinition, adapter: () => ChannelAdapter) {
    this.#deps = deps;
    this.#definition = definition;
    this.#adapter = adapter;
    this.#rows = new AttachmentRows(deps.storage);
  }

  start(): void {
    this.#stopping = new AbortController();
  }

  /** Gives back what is under way: the next process, or the next start, fetches it. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AppError('not_ready', 'the process is stopping'));
    for (const go of this.#queue.splice(0)) go();
    await Promise.allSettled(this.#underWay.values());
  }

  /** Has the message files that are to be fetched? */
  wants(message: Message): boolean {
    const adapter = this.#adapter();
    return (
      message.attachments.length > 0 &&
      this.#definition.spec.files.read &&
      adapter.openAttachment !== undefined
    );
  }

  /**
   * The messages up to the first whose files are still to be fetched. Those are seen to in the background; `lookAgain` says
   * after how many milliseconds to look again.
   */
  ready(kept: readonly KeptMessage[], lookAgain: (afterMs: number) => void): readonly KeptMessage[] {
    const unready = kept.filter(({ message }) => this.wants(message) && !isSettled(message));
    for (const one of unready) this.#see(one, lookAgain);
    const [first] = unready;
    if (first === undefined) return kept;
    // The pictures of an album come together or not yet.
    const { album_id: album, user_id: userId } = first.message;
    const end = kept.findIndex(
      (one) =>
        one === first ||
        (album !== undefined && one.message.album_id === album && one.message.user_id === userId),
    );
    return kept.slice(0, end);
  }

  #see(kept: KeptMessage, lookAgain: (afterMs: number) => void): void {
    if (this.#underWay.has(kept.id) || this.#stopping.signal.aborted) return;
    const work = this.#fetch(kept)
      .catch((error: unknown) => {
        this.#deps.logger.warn({ error }, 'the files of a message will be looked at again');
        return 5000;
      })
      .then((afterMs) => {
        this.#underWay.delete(kept.id);
        lookAgain(afterMs);
      });
    this.#underWay.set(kept.id, work);
  }

  async #fetch({ id }: KeptMessage): Promise<number> {
    const { clock } = this.#deps;
    const now = clock.now();
    const claimed = await this.#rows.claim(id, now, now + claimMs);
    if (claimed === undefined) {
      const next = await this.#rows.nextTryMs(id);
      return next === undefined ? 0 : Math.max(50, next - clock.now());
    }
    const { message, tries } = claimed;
    const stopRenewing = clock.every(renewEveryMs, () => {
      this.#rows.holdUntil(id, clock.now() + claimMs).catch(() => {});
    });
    try {
      const outcomes = await Promise.all(
        message.attachments.map((attachment, index) => this.#one(id, attachment, index, tries)),
      );
      const waits = outcomes.filter((wait) => wait !== undefined);
      if (waits.length === 0) return 0;
      const wait = Math.max(...waits);
      await this.#rows.holdUntil(id, clock.now() + wait);
      return wait;
    } catch (error) {
      if (this.#stopping.signal.aborted) await this.#rows.release(id);
      throw error;
    } finally {
      stopRenewing();
    }
  }

  /** Milliseconds until the next try; `undefined`: it is settled. Throws when the process stops or the storage fails. */
  async #one(id: string, attachment: Attachment, index: number, tries: number): Promise<number | undefined> {
    if (attachment.file !== undefined || attachment.problem !== undefined) return undefined;
    const { perMessage } = this.#definition.spec.files;
    const settle = (what: Pick<Attachment, 'file' | 'problem'>): Promise<void> =>
      this.#rows.settle(id, index, { ...attachment, ...what });
    if (index >= perMessage) {
      await settle({ problem: `only ${perMessage} files of one message are read` });
      return undefined;
    }
    try {
      const file = await this.#inTurn(() => this.#load(attachment));
      await settle({ file });
      return undefined;
    } catch (error) {
      this.#stopping.signal.throwIfAborted();
      const reason = toAppError(error);
      if (reason.code.startsWith('storage_')) throw error;
      const words = reason.fault === 'internal' ? 'it could not be fetched' : reason.message;
      this.#deps.logger.warn({ reason: words, tries, error: reason }, 'a file was not fetched');
      const isHopeless = error instanceof SendError ? error.verdict === 'permanent' : !reason.retryable;
      if (isHopeless || tries >= mostTries) {
        await settle({ problem: words });
        return undefined;
      }
      return (error instanceof SendError ? error.retryAfterMs : undefined) ?? backOffMs(tries, backOff);
    }
  }

  async #load(attachment: Attachment): Promise<NonNullable<Attachment['file']>> {
    const adapter = this.#adapter();
    const most = Math.min(this.#definition.spec.files.maxBytes, adapter.capabilities.files.mostBytesIn);
    if ((attachment.sizeBytes ?? 0) > most) throw tooLarge(most);
    const deadline = withDeadline(this.#deps.clock, fileTimeoutMs, this.#stopping.signal);
    try {
      const opened = await adapter.openAttachment?.(attachment, { signal: deadline.signal });
      if (opened === undefined) throw new SendError('permanent', 'this platform gives no files');
      const bytes = await readWithin(opened.body, most, deadline.signal);
      const name = attachment.name ?? opened.name ?? defaultName(attachment);
      const mimeType = attachment.mimeType ?? opened.mimeType;
      return await this.#deps.files.keep(defaultTenant, {
        bytes,
        name,
        ...(mimeType === undefined ? {} : { mimeType }),
      });
    } finally {
      deadline.clear();
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#atWork >= mostAtOnce) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#stopping.signal.throwIfAborted();
    this.#atWork += 1;
    try {
      return await work();
    } finally {
      this.#atWork -= 1;
      this.#queue.shift()?.();
    }
  }
}

/** All of a body. Error: `permanent` beyond `most` bytes. */
async function readWithin(
  body: AsyncIterable<Uint8Array>,
  most: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of body) {
      signal.throwIfAborted();
      length += part.byteLength;
      if (length > most) throw tooLarge(most);
      parts.push(part);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw new SendError('retry', 'the connection broke off while the file was fetched');
  }
  signal.throwIfAborted();
  if (length === 0) throw new SendError('permanent', 'the file is empty');
  return Buffer.concat(parts);
}

function tooLarge(most: number): SendError {
  return new SendError('permanent', `it is larger than ${sizeOf(most)}`, { code: 'payload_too_large' });
}

function defaultName({ kind, mimeType = '' }: Attachment): string {
  const subtype = /^[a-z]+\/(?:x-)?([a-z0-9]{2,8})$/.exec(mimeType)?.[1];
  const word = kind === 'document' ? 'file' : kind;
  return subtype === undefined ? word : `${word}.${subtype === 'jpeg' ? 'jpg' : subtype}`;
}
