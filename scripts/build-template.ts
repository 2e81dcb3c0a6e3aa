import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { silentLogger, systemClock } from '../src/base/index.ts';
import { PgBossQueue } from '../src/platform/queue/index.ts';
import { PgliteStorage, templatePath } from '../src/platform/storage/index.ts';

// Packs an empty, migrated data folder with the queue's tables in it, so that a first start is quick. Runs at install;
// does nothing when the template for this code is there. Without a template a first start only takes longer, so a
// failure is reported and nothing else.

async function buildTemplate(path: string): Promise<void> {
  const storage = new PgliteStorage({
    folder: undefined,
    clock: systemClock,
    logger: silentLogger,
    migrate: true,
    useTemplate: false,
  });
  const queue = new PgBossQueue({ storage, clock: systemClock, logger: silentLogger });
  try {
    await storage.start();
    await queue.start();
    await queue.stop();
    const folder = dirname(path);
    await mkdir(folder, { recursive: true });
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, await storage.dump());
    await rename(draft, path);
    for (const name of await readdir(folder)) {
      if (join(folder, name) !== path) await rm(join(folder, name));
    }
  } finally {
    await queue.stop();
    await storage.stop();
  }
}

try {
  const path = await templatePath();
  const present = await stat(path).catch(() => undefined);
  if (present === undefined) await buildTemplate(path);
} catch (error) {
  console.warn(
    `The template of the embedded database was not built; the first start will take longer. ${String(error)}`,
  );
}
