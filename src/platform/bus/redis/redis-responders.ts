import { isJsonObject, tryParseJson, type Json, type Logger } from '../../../base/index.ts';
import type { RedisClient, RedisSubscriber } from '../../redis/index.ts';
import { errorAnswer } from '../answer-envelope.ts';
import type { BusSubscription, Responder } from '../bus.ts';
import { globOf } from './glob-of.ts';

interface Entry {
  readonly matches: (subject: string) => boolean;
  readonly handler: Responder;
}

/** What listens to one glob, which several patterns may have. */
interface Listener {
  readonly entries: Set<Entry>;
  turn: number;
}

interface RedisRespondersDeps {
  readonly logger: Logger;
  readonly redis: RedisClient;
  readonly subscriber: RedisSubscriber;
  readonly prefix: string;
}

const claimMs = 60_000;

/** Answers requests that come by Redis: each is heard by all, and whoever claims it first answers. */
export class RedisResponders {
  readonly #deps: RedisRespondersDeps;
  readonly #listeners = new Map<string, Listener>();

  constructor(deps: RedisRespondersDeps) {
    this.#deps = deps;
  }

  async add(
    pattern: string,
    matches: (subject: string) => boolean,
    handler: Responder,
  ): Promise<BusSubscription> {
    const glob = `${this.#deps.prefix}r:${globOf(pattern)}`;
    const entry: Entry = { matches, handler };
    const present = this.#listeners.get(glob);
    if (present === undefined) {
      const listener: Listener = { entries: new Set([entry]), turn: 0 };
      this.#listeners.set(glob, listener);
      await this.#deps.subscriber.listen(glob, (channel, text) => {
        this.#hear(listener, channel.slice(this.#deps.prefix.length + 2), text).catch((error: unknown) =>
          this.#deps.logger.warn({ pattern, error }, 'a request of the bus was not answered'),
        );
      });
    } else present.entries.add(entry);
    return {
      unsubscribe: async () => {
        const left = this.#listeners.get(glob);
        if (left?.entries.delete(entry) !== true || left.entries.size > 0) return;
        this.#listeners.delete(glob);
        await this.#deps.subscriber.unlisten(glob);
      },
    };
  }

  async stop(): Promise<void> {
    const globs = [...this.#listeners.keys()];
    this.#listeners.clear();
    await Promise.all(globs.map((glob) => this.#deps.subscriber.unlisten(glob)));
  }

  async #hear(listener: Listener, subject: string, text: string): Promise<void> {
    const { redis, prefix } = this.#deps;
    const request = tryParseJson(text);
    if (!isJsonObject(request)) return;
    const { id, reply, payload } = request;
    if (typeof id !== 'string' || typeof reply !== 'string') return;
    const say = (answer: Readonly<Record<string, Json>>) =>
      redis.command('PUBLISH', [reply, JSON.stringify({ id, ...answer })]);
    const willing = [...listener.entries].filter(({ matches }) => matches(subject));
    const entry = willing[listener.turn % Math.max(1, willing.length)];
    if (entry === undefined) {
      await say({});
      return;
    }
    if ((await redis.command('SET', [`${prefix}claim:${id}`, '1', 'NX', 'PX', claimMs])) === null) return;
    listener.turn += 1;
    const answer = await Promise.resolve()
      .then(() => entry.handler(payload ?? null, { subject }))
      .then((value) => JSON.stringify(value), errorAnswer);
    await say({ text: answer });
  }
}
