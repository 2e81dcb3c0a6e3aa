import { createHash } from 'node:crypto';
import { access, chmod, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrations } from './migrations/index.ts';

// Three folders up from both src/platform/storage and dist/platform/storage.
const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** Where the template for this code belongs; its name changes with the migrations and the versions it was made by. */
export async function templatePath(): Promise<string> {
  const { version, dependencies } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  const hash = createHash('sha256').update(
    JSON.stringify([
      version,
      migrations,
      dependencies['@electric-sql/pglite'],
      dependencies['@electric-sql/pglite-pgvector'],
      dependencies['pg-boss'],
    ]),
  );
  return join(packageRoot, 'template', `pgdata-${hash.digest('hex').slice(0, 16)}.tar.gz`);
}

/** The packed, migrated data folder that a first start begins with; undefined when it was not built. */
export async function findTemplate(): Promise<string | undefined> {
  try {
    const path = await templatePath();
    await access(path);
    return path;
  } catch {
    return undefined;
  }
}

/** Unpacks the template into an empty folder: sooner done, and with less memory, than by the database itself. */
export async function unpackTemplate(template: string, dataDir: string): Promise<void> {
  // Needed once in the life of a folder.
  const { x: unpack } = await import('tar');
  unpack({
    file: template,
    cwd: dataDir,
    // A thousand small files: one after the other is five times faster, and nobody waits but the start itself.
    sync: true,
    noMtime: true,
    onwarn: (code, message) => {
      // Its names begin with a slash, which is taken off.
      if (code !== 'TAR_ENTRY_INFO') throw new Error(`the template cannot be unpacked: ${message}`);
    },
  });
  // The server refuses a data folder that others can read.
  await chmod(dataDir, 0o700);
}
