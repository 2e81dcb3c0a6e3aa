import { FakeTelegram } from '../../../src/testing/channels.ts';
import { createTestDatabase } from '../../../src/testing/test-database.ts';
import { CrashGround } from './crash-ground.ts';

export type DatabaseKind = 'embedded' | 'PostgreSQL';

/** A world for one test; `await using` takes it down. */
export interface OpenedGround extends AsyncDisposable {
  readonly world: CrashGround;
  readonly telegram: FakeTelegram;
}

export async function openGround(
  database: DatabaseKind,
  options: { root?: string; channel?: boolean; files?: Readonly<Record<string, string>> } = {},
): Promise<OpenedGround> {
  const created = database === 'PostgreSQL' ? await createTestDatabase() : undefined;
  const telegram = await FakeTelegram.start();
  const world = new CrashGround({
    env: created === undefined ? {} : { DATABASE_URL: created.url },
    ...(options.root === undefined ? {} : { root: options.root }),
  });
  await world.open({
    ...(options.channel === true ? { telegram } : {}),
    ...(options.files === undefined ? {} : { files: options.files }),
  });
  return {
    world,
    telegram,
    async [Symbol.asyncDispose]() {
      await world.close();
      await telegram.stop();
      await created?.drop();
    },
  };
}
