import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
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
