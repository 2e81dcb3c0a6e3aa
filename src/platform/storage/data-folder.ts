import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../base/index.ts';

/** The folder of the embedded database: `data/` and, while the very first start is under way, `creating`. */
export interface DataFolder {
  readonly dataDir: string;
  /** There is no database yet: begin with the template. */
  readonly isNew: boolean;
  /** Call when the first start is through and before anything is acknowledged. */
  markCreated(): Promise<void>;
}

const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Looks at the folder before the database is opened. What a first start left half-made is removed: nothing was ever
 * acknowledged in it, as its mark shows. Anything else without a database in it is somebody else's and is refused.
 */
export async function prepareDataFolder(folder: string): Promise<DataFolder> {
  const dataDir = join(folder, 'data');
  const creating = join(folder, 'creating');
  if (await exists(creating)) await rm(dataDir, { recursive: true, force: true });
  const found: readonly string[] = await readdir(dataDir).catch(() => []);
  if (found.length > 0 && !found.includes('PG_VERSION')) {
    throw new AppError(
      'invalid_config',
      `${dataDir} holds files that are no database; move them away or choose another AGENT33_HOME.`,
    );
  }
  const isNew = found.length === 0;
  if (isNew) {
    await writeFile(
      creating,
      'The database in data/ is being created; it is started over while this file is here.\n',
    );
    await mkdir(dataDir, { recursive: true });
  }
  return { dataDir, isNew, markCreated: () => rm(creating, { force: true }) };
}
