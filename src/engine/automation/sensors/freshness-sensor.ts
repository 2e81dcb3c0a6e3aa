import { sql } from 'kysely';
import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import { compilePattern } from '../../../platform/bus/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import { definitionName, durationMs } from '../../../protocol/index.ts';
import { assertInside, projectFiles } from './project-files.ts';
import type { SensorType } from './sensor-type.ts';

/** Config of the type `freshness`. */
export const freshnessConfig = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .max(500)
      .refine(
        (pattern) => allowed(() => assertInside(pattern)),
        'expected a path inside the project, without ".."',
      )
      .optional()
      .describe('File, folder or pattern below the project; its newest file counts.'),
    event: z
      .string()
      .min(1)
      .max(255)
      .refine((name) => allowed(() => compilePattern(name)), 'expected a name or pattern of events')
      .optional()
      .describe('Name or pattern of published events; the newest counts.'),
    run: definitionName.optional().describe('Agent, team or workflow; its newest completed run counts.'),
    maxAge: durationMs.describe('Older than this is stale.'),
  })
  .refine(
    (config) => [config.path, config.event, config.run].filter((one) => one !== undefined).length === 1,
    'expected exactly one of path, event, run',
  );

type Config = z.output<typeof freshnessConfig>;

function allowed(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

const mostFiles = 50_000;

/** Sees when something has become older than allowed, once each time; what was never there is as old as the sensor. */
export function createFreshnessSensor(deps: {
  readonly projectDir: string;
  readonly storage: Storage;
}): SensorType<Config> {
  const { projectDir, storage } = deps;

  async function newest(tenant: string, config: Config, signal: AbortSignal): Promise<number | undefined> {
    if (config.path !== undefined) {
      const files = await projectFiles(projectDir, [config.path], { most: mostFiles, signal });
      return files.reduce<number | undefined>(
        (latest, file) => Math.max(latest ?? 0, file.modifiedAt),
        undefined,
      );
    }
    if (config.event !== undefined) {
      const fits = compilePattern(config.event);
      if (!/[*>]/.test(config.event)) {
        const { rows } = await sql<{ latest: Date }>`
          select created_at as latest from events where tenant = ${tenant} and name = ${config.event}
          order by created_at desc limit 1`.execute(storage.db);
        return rows[0]?.latest.getTime();
      }
      const { rows } = await sql<{ name: string; latest: Date }>`
        select name, max(created_at) as latest from events where tenant = ${tenant} group by name`.execute(
        storage.db,
      );
      const times = rows.filter((row) => fits(row.name)).map((row) => row.latest.getTime());
      return times.length === 0 ? undefined : Math.max(...times);
    }
    const { rows } = await sql<{ latest: Date | null }>`
      select max(ended_at) as latest from runs
      where tenant = ${tenant} and target_kind in ('agent', 'team', 'workflow') and target_name = ${config.run ?? ''} and status = 'completed'`.execute(
      storage.db,
    );
    return rows[0]?.latest?.getTime();
  }

  return {
    name: 'freshness',
    configSchema: freshnessConfig,
    async look({ tenant, config, state, now, signal }) {
      const before = isJsonObject(state) ? state : {};
      const since = typeof before['since'] === 'number' ? before['since'] : now;
      const latest = await newest(tenant, config, signal);
      const age = now - (latest ?? since);
      const isStale = age > config.maxAge;
      // Something newer that became old while nobody looked is stale anew.
      const isKnown =
        before['stale'] === true && (before['newest'] === undefined || before['newest'] === (latest ?? null));
      const events: JsonObject[] =
        isStale && !isKnown
          ? [
              {
                subject: config.path ?? config.event ?? config.run ?? '',
                newest_at: latest === undefined ? null : new Date(latest).toISOString(),
                age_seconds: Math.floor(age / 1000),
                max_age_seconds: Math.floor(config.maxAge / 1000),
              },
            ]
          : [];
      return { state: { since, stale: isStale, newest: latest ?? null }, events };
    },
  };
}
