import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../src/base/index.ts';
import { PgliteStorage, type PgliteStorageDeps } from '../../src/platform/storage/index.ts';
import { shortLived } from './fixtures/short-lived.ts';

const writer = fileURLToPath(new URL('fixtures/embedded-writer.ts', import.meta.url));

describe('the embedded database', () => {
  let folder: string;
  const children: ChildProcess[] = [];
  const storages: PgliteStorage[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'agent33-embedded-'));
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const storage of storages.splice(0)) await storage.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const createStorage = (options: Partial<PgliteStorageDeps> = {}): PgliteStorage => {
    const storage = new PgliteStorage({ folder, clock, logger, migrate: true, ...options });
    storages.push(storage);
    return storage;
  };

  /** Starts the writer; `lines` grows while it runs. */
  const start = (mode: string, round = 0): { lines: string[]; child: ChildProcess; ended: Promise<void> } => {
    const child = spawn(process.execPath, [...shortLived, writer, folder, mode, String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines: string[] = [];
    if (child.stdout !== null) createInterface(child.stdout).on('line', (line) => lines.push(line));
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    return { lines, child, ended };
  };

  const opened = (lines: string[]): Promise<void> =>
    expect.poll(() => lines, { timeout: 30_000 }).toContain('open');

  it('loses nothing that was acknowledged when its process is killed, round after round', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const { lines, child, ended } = start('write', round);
      await expect.poll(() => lines.length, { timeout: 30_000 }).toBeGreaterThan(20 * (round + 1));
      child.kill('SIGKILL');
      await ended;
      acknowledged.push(...lines.filter((line) => line.startsWith('row-')));
    }
    const storage = createStorage();
    await storage.start();
    const rows = await storage.db.selectFrom('workers').select('id').execute();
    const jobs = await sql<{ id: string }>`select data->>'id' as id from pgboss.job`.execute(storage.db);
    const stored = new Set(rows.map(({ id }) => id));
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    // The row and its job were one transaction: one unacknowledged pair per kill may be there too.
    expect(new Set(jobs.rows.map(({ id }) => id))).toEqual(stored);
    expect(stored.size - acknowledged.length).toBeLessThanOrEqual(4);
  });

  it('survives being killed at any moment of its first start', async () => {
    for (const afterMs of [150, 400, 700, 1_000]) {
      const { child, ended } = start('hold');
      await clock.sleep(afterMs);
      child.kill('SIGKILL');
      await ended;
    }
    const storage = createStorage();
    await storage.start();
    expect(await storage.db.selectFrom('runs').selectAll().execute()).toEqual([]);
  });

  it('starts over what a first start left half-made', async () => {
    const first = createStorage();
    await first.start();
    await first.stop();
    await rm(join(folder, 'data', 'global'), { recursive: true });
    await writeFile(join(folder, 'creating'), '');
    const second = createStorage();
    await second.start();
    expect(await second.db.selectFrom('runs').selectAll().execute()).toEqual([]);
    await expect(stat(join(folder, 'creating'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('never touches a data folder that holds something else', async () => {
    const first = createStorage();
    await first.start();
    await first.stop();
    await rm(join(folder, 'data', 'PG_VERSION'));
    await expect(createStorage().start()).rejects.toMatchObject({ code: 'invalid_config' });
    await expect(stat(join(folder, 'data', 'global'))).resolves.toBeDefined();
  });

  it('refuses a folder that another process has open, naming it, and takes it over when that is dead', async () => {
    const { lines, child, ended } = start('hold');
    await opened(lines);
    const refused = createStorage();
    await expect(refused.start()).rejects.toMatchObject({
      code: 'folder_locked',
      message: expect.stringMatching(new RegExp(`process ${child.pid} .*DATABASE_URL`)) as string,
    });
    // The refused one must not take the lock away when it is stopped.
    await refused.stop();
    expect(JSON.parse(await readFile(join(folder, 'lock.json'), 'utf8'))).toMatchObject({ pid: child.pid });

    // A process that is only paused is not dead.
    child.kill('SIGSTOP');
    await expect(createStorage().start()).rejects.toMatchObject({ code: 'folder_locked' });

    child.kill('SIGKILL');
    await ended;
    const storage = createStorage();
    await storage.start();
    await storage.stop();
    await expect(stat(join(folder, 'lock.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('lets exactly one of several processes take over a dead lock', async () => {
    const { lines, child, ended } = start('hold');
    await opened(lines);
    child.kill('SIGKILL');
    await ended;
    const contenders = [start('hold'), start('hold'), start('hold')];
    await Promise.all(
      contenders.map(({ lines }) => expect.poll(() => lines.length, { timeout: 30_000 }).toBeGreaterThan(0)),
    );
    expect(contenders.filter(({ lines }) => lines[0] === 'open')).toHaveLength(1);
  });

  it('refuses writes when the disk is nearly full, and goes on reading', async () => {
    let free = 10 * 1024 ** 3;
    const storage = createStorage({ freeBytes: async () => free });
    await storage.start();
    const insert = (id: string): Promise<unknown> =>
      storage.db
        .insertInto('workers')
        .values({ id, host: 'h', pid: 1, started_at: new Date(0), heartbeat_at: new Date(0) })
        .execute();
    await insert('before');
    free = 63 * 1024 ** 2;
    // The guard looks at the disk once a second.
    await expect
      .poll(
        () =>
          insert(`${clock.now()}`).then(
            () => 'written',
            (error: unknown) => error,
          ),
        { timeout: 3_000 },
      )
      .toMatchObject({
        code: 'storage_full',
        message: expect.stringContaining('63 MiB') as string,
      });
    await expect(storage.transaction((trx) => trx.deleteFrom('workers').execute())).rejects.toMatchObject({
      code: 'storage_full',
    });
    const rows = await storage.db.selectFrom('workers').select('id').where('id', '=', 'before').execute();
    expect(rows).toEqual([{ id: 'before' }]);
    expect((await storage.health()).status).toBe('degraded');
    free = 10 * 1024 ** 3;
    await insert('after');
    expect((await storage.health()).status).toBe('ok');
  });

  it('replaces a wedged worker: pending calls fail, acknowledged data is there, notifications go on', async () => {
    const storage = createStorage({ statementLimitMs: 1_500 });
    await storage.start();
    await storage.db
      .insertInto('workers')
      .values({ id: 'kept', host: 'h', pid: 1, started_at: new Date(0), heartbeat_at: new Date(0) })
      .execute();
    const heard: string[] = [];
    let reconnects = 0;
    await storage.listen(
      'wedge',
      (payload) => heard.push(payload),
      () => (reconnects += 1),
    );
    // Spins inside WebAssembly like the real fault does; nothing in its thread can stop it.
    const wedged = sql`select count(*) from generate_series(1, 100000000000)`.execute(storage.db);
    await expect.poll(async () => (await storage.health()).metrics?.['busyForMs']).toBeGreaterThan(0);
    const behind = storage.db.selectFrom('workers').select('id').execute();
    const waitingTransaction = storage.transaction((trx) => trx.selectFrom('workers').select('id').execute());
    await expect(wedged).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(behind).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(waitingTransaction).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect((await storage.health()).status).toBe('down');
    // Later calls wait for the new worker.
    expect(await storage.db.selectFrom('workers').select('id').execute()).toEqual([{ id: 'kept' }]);
    expect((await storage.health()).status).toBe('ok');
    await expect.poll(() => reconnects).toBe(1);
    await storage.notify(storage.db, 'wedge', 'again');
    await expect.poll(() => heard).toEqual(['again']);
  });

  it('replaces the worker when a statement outlives its transaction', async () => {
    const storage = createStorage();
    await storage.start();
    const endless = storage.transaction(
      (trx) => sql`select count(*) from generate_series(1, 100000000000)`.execute(trx),
      { timeoutMs: 300 },
    );
    await expect(endless).rejects.toMatchObject({ code: 'storage_unavailable' });
    const answer = await storage.transaction((trx) => sql<{ one: number }>`select 1 as one`.execute(trx));
    expect(answer.rows).toEqual([{ one: 1 }]);
  });
});
