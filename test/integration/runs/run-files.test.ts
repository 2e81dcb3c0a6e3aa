import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIdGenerator, systemClock } from '../../../src/base/index.ts';
import { FileStore } from '../../../src/capabilities/files/index.ts';
import { BlobRetention } from '../../../src/engine/runs/blob-retention.ts';
import { answer, onBothDatabases, scope, type RunGround } from './run-ground.ts';

await onBothDatabases((prepare) => {
  describe('files of runs', () => {
    let ground: RunGround;
    let files: FileStore;
    beforeAll(async () => {
      ground = await prepare();
      await ground.open();
      const ids = createIdGenerator(systemClock.now);
      files = new FileStore({ storage: ground.storage, blobs: ground.blobs, clock: systemClock, ids });
    });
    afterAll(() => ground.close());

    const isStored = (id: string): Promise<boolean> =>
      files.read('default', id).then(
        () => true,
        () => false,
      );
    const add = (runId: string, name: string) =>
      files.add(scope, runId, `${runId}:${name}`, { name, bytes: Buffer.from(name) });

    it('are those of the whole tree, the same for the same call, and of no other tenant', async () => {
      const name = ground.script(() => Promise.resolve(answer('done')));
      const runId = await ground.submit(name);
      await ground.response(runId);
      const first = await add(runId, 'a.txt');
      expect(await add(runId, 'a.txt')).toEqual(first);
      await add(runId, 'b.txt');
      expect((await files.list(scope, runId)).map((file) => file.name)).toEqual(['a.txt', 'b.txt']);
      expect(await files.list({ tenant: 'other' }, runId)).toEqual([]);
      await expect(files.read('other', first.id)).rejects.toMatchObject({ code: 'not_found' });
      await expect(files.read('default', '../runs/x')).rejects.toMatchObject({ code: 'not_found' });
    });

    it('are deleted with the last run that has them, and orphans when they are old', async () => {
      const name = ground.script(() => Promise.resolve(answer('done')));
      const [runId, fork] = [await ground.submit(name), await ground.submit(name)];
      await Promise.all([ground.response(runId), ground.response(fork)]);
      const own = await add(runId, 'own.txt');
      const shared = await add(runId, 'shared.txt');
      await ground.storage.transaction((trx) =>
        files.attach(trx, { tenant: 'default', runId: fork, direction: 'in' }, [shared]),
      );
      await ground.storage.db
        .updateTable('runs')
        .set({ ended_at: new Date(0) })
        .where('id', '=', runId)
        .execute();
      let now = systemClock.now();
      const deps = { ...(await ground.deps()), clock: { ...systemClock, now: () => now } };
      const retention = new BlobRetention(deps);
      expect(await retention.deleteRuns(new Date(1000), 100)).toBe(1);
      expect([await isStored(own.id), await isStored(shared.id)]).toEqual([false, true]);

      const orphan = await files.keep('default', { name: 'x', bytes: Buffer.from('x') });
      const waiting = await files.keep('default', { name: 'y', bytes: Buffer.from('y') });
      await ground.storage.db
        .insertInto('chat_messages')
        .values({
          tenant: 'default',
          channel: 'c',
          session_key: 's',
          kind: 'waiting',
          source: 'telegram',
          dedupe_key: 'd',
          message: JSON.stringify({ attachments: [{ id: '1', kind: 'document', file: waiting }] }),
          received_at: new Date(now),
        })
        .execute();
      now += 30 * 3_600_000;
      await retention.sweepOrphans();
      expect([await isStored(orphan.id), await isStored(waiting.id), await isStored(shared.id)]).toEqual([
        false,
        true,
        true,
      ]);
    });
  });
});
