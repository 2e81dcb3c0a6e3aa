import { sql } from 'kysely';
import type { Clock, Logger } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';

const intervalMs = 2000;
const mostAtOnce = 200;
const pauseMs = 10;

interface Follower {
  readonly runId: string;
  /** Sequence of the last event that it has. */
  readonly cursor: number;
  readonly onNews: () => void;
}

/**
 * Looks now and then for stored events that nobody told of: another process may have written them, and a notification
 * may get lost. Looks for all followers at once: thousands may wait behind a backlog.
 */
export class EventPoll {
  readonly #deps: { readonly storage: Storage; readonly clock: Clock; readonly logger: Logger };
  readonly #followers = new Set<Follower>();
  #cancel: (() => void) | undefined;
  #isLooking = false;

  constructor(deps: { storage: Storage; clock: Clock; logger: Logger }) {
    this.#deps = deps;
  }

  /** Calls `onNews` when a look finds later events than the cursor. Call the result to leave. */
  follow(runId: string, cursor: number, onNews: () => void): () => void {
    const follower = { runId, cursor, onNews };
    this.#followers.add(follower);
    this.#cancel ??= this.#deps.clock.every(intervalMs, () => void this.#look());
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const followers = [...this.#followers];
      for (let from = 0; from < followers.length; from += mostAtOnce) {
        // A backlog must not take the database away from those who come now.
        if (from > 0) await this.#deps.clock.sleep(pauseMs);
        const some = followers.slice(from, from + mostAtOnce);
        for (const place of await this.#withNews(some)) some[place]?.onNews();
      }
    } catch (error) {
      // The database is away: the next look finds what is there then.
      this.#deps.logger.debug({ error }, 'no look for events of other processes');
    } finally {
      this.#isLooking = false;
    }
  }

  async #withNews(followers: readonly Follower[]): Promise<readonly number[]> {
    const runIds = followers.map(({ runId }) => runId);
    const cursors = followers.map(({ cursor }) => cursor);
    const { rows } = await sql<{ place: number }>`
      select f.place::int - 1 as place
      from unnest(${runIds}::text[], ${cursors}::bigint[]) with ordinality as f (run_id, cursor, place)
      where exists (select 1 from run_events e where e.run_id = f.run_id and e.last_sequence > f.cursor)`.execute(
      this.#deps.storage.db,
    );
    return rows.map(({ place }) => place);
  }
}
