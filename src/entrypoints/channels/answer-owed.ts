import { sql } from 'kysely';
import { GroupedCalls } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';

/** Tells of a run whether it is still worked on, or what it said not yet sent: whatever process does it. */
export function createOwedLookup(storage: Storage): (runId: string) => Promise<boolean> {
  const lookups = new GroupedCalls<string, boolean>({
    async call(runIds) {
      const { rows } = await sql<{ id: string }>`
        select id from runs where id = any(${[...runIds]}::text[]) and status in ('queued', 'running')
        union
        select run_id from outbox where run_id = any(${[...runIds]}::text[]) and status in ('queued', 'sending')`.execute(
        storage.db,
      );
      const owed = new Set(rows.map(({ id }) => id));
      return runIds.map((id) => owed.has(id));
    },
    most: 500,
    sideBySide: 1,
  });
  return (runId) => lookups.add(runId);
}
