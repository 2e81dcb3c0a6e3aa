import { sql } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import { migrations } from './migrations/index.ts';
import type { Storage } from './storage.ts';

/** One migration and when it was applied here. */
export interface MigrationState {
  readonly name: string;
  readonly appliedAt: Date | undefined;
}

function createMigrator(storage: Pick<Storage, 'db'>): Migrator {
  const byName = Object.fromEntries(
    migrations.map(({ name, statements }): [string, Migration] => [
      name,
      { up: async (db) => void (await sql.raw(statements).execute(db)) },
    ]),
  );
  return new Migrator({ db: storage.db, provider: { getMigrations: async () => byName } });
}

/** Applies what is missing, all in one transaction, and returns the names. Safe when several processes start at once. */
export async function migrateUp(storage: Pick<Storage, 'db'>): Promise<readonly string[]> {
  if (await isUpToDate(storage)) return [];
  const { error, results } = await createMigrator(storage).migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? [])
    .filter(({ status }) => status === 'Success')
    .map(({ migrationName }) => migrationName);
}

/** Spares a start that has nothing to apply the migrator's long look at the catalogue. */
async function isUpToDate({ db }: Pick<Storage, 'db'>): Promise<boolean> {
  const found = await sql<{ present: boolean }>`
    select to_regclass('kysely_migration') is not null as present`.execute(db);
  if (found.rows[0]?.present !== true) return false;
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const applied = new Set(rows.map(({ name }) => name));
  return applied.size === migrations.length && migrations.every(({ name }) => applied.has(name));
}

/** Every known migration in order. */
export async function migrationStatus(storage: Pick<Storage, 'db'>): Promise<readonly MigrationState[]> {
  const known = await createMigrator(storage).getMigrations();
  return known.map(({ name, executedAt }) => ({ name, appliedAt: executedAt }));
}
