import type { HealthReport } from '../../../base/index.ts';
import type { AppendOptions, ConsumeOptions, StreamEntry, StreamMessage } from '../event-streams.ts';
import { MemoryStream } from './memory-stream.ts';
import type { StreamSource } from './stream-source.ts';
import { StreamSet } from './stream-set.ts';

const waitMs = 2000;

/** Streams of a single process: they live in memory and end with it. */
export class InProcessStreams extends StreamSet {
  readonly name = 'streams';
  readonly #streams = new Map<string, MemoryStream>();
  #readers = 0;

  health(): Promise<HealthReport> {
    return Promise.resolve({ status: 'ok', detail: 'Streams live in this process.' });
  }

  protected open(): Promise<void> {
    return Promise.resolve();
  }

  protected close(): Promise<void> {
    return Promise.resolve();
  }

  protected write(stream: string, message: StreamMessage, options: AppendOptions): Promise<string> {
    return Promise.resolve(this.#stream(stream).append(message, options.keepEntries));
  }

  protected createSource(stream: string, group: string, options: ConsumeOptions): StreamSource {
    const { clock } = this.deps;
    const held = this.#stream(stream).group(group, `reader-${(this.#readers += 1)}`, clock, options);
    return {
      open: () => Promise.resolve(held.takeOver()),
      read: async (limit, signal) => {
        const entries = held.next(limit);
        if (entries.length > 0) return entries;
        await held.news(waitMs, signal);
        return held.next(limit);
      },
      acknowledge: (entries: readonly StreamEntry[]) => Promise.resolve(held.acknowledge(entries)),
      touch: (entries) => Promise.resolve(held.touch(entries)),
      close: () => Promise.resolve(held.giveBack()),
    };
  }

  #stream(name: string): MemoryStream {
    const found = this.#streams.get(name) ?? new MemoryStream();
    this.#streams.set(name, found);
    return found;
  }
}
