import path from 'node:path';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { silentLogger } from '../../base/index.ts';
import { loadConfig } from '../../platform/config/index.ts';
import type * as StorageModule from '../../platform/storage/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { usageError } from '../cli-error.ts';
import { columns, outputFormat, printRows } from '../output.ts';
import { findProjectDir } from '../project-folder.ts';

/** Opens the project's database without touching its tables, for as long as `work` takes. */
async function withDatabase<T>(
  context: CliContext,
  options: GlobalOptions,
  work: (storage: StorageModule.Storage, module: typeof StorageModule) => Promise<T>,
): Promise<T> {
  const storageModule = await import('../../platform/storage/index.ts');
  const config = loadConfig({
    env: context.env,
    workingDir: context.cwd,
    projectDir: findProjectDir(context, options),
  });
  const storage = storageModule.createStorage({
    config,
    clock: context.clock,
    logger: silentLogger,
    migrate: false,
  });
  try {
    await storage.start();
    return await work(storage, storageModule);
  } finally {
    await storage.stop();
  }
}

/** `agent33 migrate …`: tables of the database. */
export function registerMigrate(program: Command, context: CliContext): void {
  const migrate = program.command('migrate').description('tables of the database');
  migrate
    .command('up')
    .description('bring the tables up to date; `serve` does so by itself')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const applied = await withDatabase(context, options, (storage, { migrateUp }) => migrateUp(storage));
      const rows = applied.map((name) => ({ name, state: 'applied' }));
      const format = outputFormat(options);
      if (format !== 'table' || rows.length > 0) {
        printRows(context, format, rows, columns('name', 'state'));
      } else say(context, 'the tables are up to date');
    });
  migrate
    .command('status')
    .description('which migrations are applied')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const states = await withDatabase(context, options, (storage, { migrationStatus }) =>
        migrationStatus(storage),
      );
      const rows = states.map(({ name, appliedAt }) => ({
        name,
        applied_at: appliedAt === undefined ? null : new Date(appliedAt).toISOString(),
      }));
      printRows(context, outputFormat(options), rows, columns('name', 'applied_at'));
    });
  migrate
    .command('new <name>')
    .description('for developers of Agent33: write the next numbered migration')
    .action(async (name: string) => {
      const folder = fileURLToPath(new URL('../../platform/storage/migrations/', import.meta.url));
      if (!existsSync(path.join(folder, 'index.ts'))) {
        throw usageError('migrations are written in a checkout of the sources, not in the installed package');
      }
      const { createMigrationFile } = await import('../../platform/storage/index.ts');
      const file = await createMigrationFile(folder, name);
      context.stdout.write(`${path.relative(context.cwd, file)}\n`);
      say(context, 'fill it in and list it in migrations/index.ts');
    });
}
