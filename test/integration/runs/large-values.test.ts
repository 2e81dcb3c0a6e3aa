import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, type Json } from '../../../src/base/index.ts';
import { BlobRetention } from '../../../src/engine/runs/blob-retention.ts';
import type { RunContext } from '../../../src/engine/runs/index.ts';
import { answer, onBothDatabases, scope, type RunGround } from './run-ground.ts';

const kib = 1024;
const mib = kib * kib;
const text = (bytes: number): string => 'x'.repeat(bytes);
const make = <T extends Json>(context: RunContext, key: string, value: T): Promise<T> =>
  context.step(key, 'compute', () => Promise.resolve(value), { input: null });

await onBothDatabases((prepare) => {
  describe('large values of runs', () => {
    let ground: RunGround;
    beforeAll(async () => {
      ground = await prepare();
      await ground.open();
    });
    afterAll(() => ground.close());

    const blobKeys = async (): Promise<string[]> => {
      const keys: string[] = [];
      for await (const { key } of ground.blobs.list()) keys.push(key);
      return keys;
    };

    it('go to the blob store, come back as they were, and are shown as markers', async () => {
      const value = { list: Array.from({ length: 20_000 }, (_, index) => `item ${index} äö`) };
      let made = 0;
      const name = ground.script(async (context) => {
        const first = await context.step(
          'big',
          'compute',
          () => {
            made += 1;
            return Promise.resolve(value);
          },
          { input: null },
        );
        const small = await make(context, 'small', { text: text(60 * kib) });
        await context.waitForSignal('ask', 'go');
        return answer(`${first.list.length} ${first.list.at(-1)} ${small.text.length}`);
      });
      const runId = await ground.submit(name);
      await ground.untilStatus(runId, 'waiting');
      const row = await ground.storage.db
        .selectFrom('run_steps')
        .selectAll()
        .where('run_id', '=', runId)
        .where('key', '=', 'big')
        .executeTakeFirstOrThrow();
      expect(row.output).toBeNull();
      expect(row.output_bytes).toBe(Buffer.byteLength(JSON.stringify(value)));
      expect(await blobKeys()).toEqual([row.output_blob]);
      const marked = await ground.store.steps(scope, runId);
      expect(marked.find(({ key }) => key === 'big')?.output).toEqual({
        $blob: row.output_blob,
        bytes: row.output_bytes,
      });
      expect(marked.find(({ key }) => key === 'small')?.output).toEqual({ text: text(60 * kib) });
      const full = await ground.store.steps(scope, runId, { full: true });
      expect(full.find(({ key }) => key === 'big')?.output).toEqual(value);
      await ground.signal(runId, 'go');
      expect((await ground.response(runId)).text).toBe(`20000 item 19999 äö ${60 * kib}`);
      expect(made).toBe(1);
    });

    it('of more than 16 MiB are refused, naming the step, and the refusal is what the step came to', async () => {
      let made = 0;
      const name = ground.script(async (context) => {
        const fault = await context
          .step(
            'huge',
            'compute',
            () => {
              made += 1;
              return Promise.resolve(text(16 * mib));
            },
            { input: null },
          )
          .catch((error: unknown) => error as Error & { code: string });
        await context.sleep('nap', 1);
        return answer(typeof fault === 'string' ? 'kept' : `${fault.code}: ${fault.message}`);
      });
      const { text: said } = await ground.run(name);
      expect(said).toContain('payload_too_large: the output of step "huge" has 16,777,218 bytes');
      expect(made).toBe(1);
    });

    it('that come to 100 MB are refused where the limit is passed, and the run ends with that', async () => {
      const name = ground.script(async (context) => {
        for (let index = 0; index < 10; index += 1) await make(context, `part:${index}`, text(10 * mib));
        return answer('all of it');
      });
      const { status, error } = await ground.run(name);
      expect(status).toBe('error');
      expect(error).toMatchObject({ code: 'limit_exceeded', details: { step: 'part:6' } });
      expect(error?.message).toContain('limits.maxStateBytes');
      // The engine is none the worse for it.
      expect((await ground.run(ground.script(() => Promise.resolve(answer('fine'))))).text).toBe('fine');
    });

    it('are limited by the definition of the run, over all its executions', async () => {
      const name = ground.script(
        async (context) => {
          await make(context, 'a', text(600));
          await context.sleep('nap', 100);
          await make(context, 'b', text(600));
          return answer('both');
        },
        { limits: { maxStateBytes: 1000 } },
      );
      expect((await ground.run(name)).error).toMatchObject({
        code: 'limit_exceeded',
        details: { step: 'b', limit: 1000 },
      });
    });

    it('are refused as output and as input of a run too', async () => {
      const output = ground.script(() => Promise.resolve({ ...answer('x'), output: text(17 * mib) }));
      expect((await ground.run(output)).error).toMatchObject({ code: 'payload_too_large' });
      await expect(
        ground.submit(
          ground.script(() => Promise.resolve(answer('x'))),
          { input: text(17 * mib) },
        ),
      ).rejects.toMatchObject({ code: 'payload_too_large' });
      const parent = ground.script(async (context) => {
        await context.child('c', { kind: 'agent', name: output }, text(17 * mib));
        return answer('x');
      });
      expect((await ground.run(parent)).error).toMatchObject({ code: 'payload_too_large' });
    });

    it('are deleted with the last run that refers to them, and orphans when they are old', async () => {
      const name = ground.script(async (context) => {
        await make(context, 'shared', text(70 * kib));
        await make(context, 'own', text(70 * kib));
        return answer('done');
      });
      const runId = await ground.submit(name);
      const fork = await ground.submit(name);
      await Promise.all([ground.response(runId), ground.response(fork)]);
      const blobOf = async (id: string, key: string): Promise<string> => {
        const row = await ground.storage.db
          .selectFrom('run_steps')
          .select('output_blob')
          .where('run_id', '=', id)
          .where('key', '=', key)
          .executeTakeFirst();
        return row?.output_blob ?? '';
      };
      const shared = await blobOf(runId, 'shared');
      const own = await blobOf(runId, 'own');
      // What a fork does: its row refers to the blob of the run that it came from.
      await ground.storage.db
        .updateTable('run_steps')
        .set({ output_blob: shared })
        .where('run_id', '=', fork)
        .where('key', '=', 'shared')
        .execute();
      await ground.storage.db
        .updateTable('runs')
        .set({ ended_at: new Date(0) })
        .where('id', '=', runId)
        .execute();
      let now = systemClock.now();
      const deps = { ...(await ground.deps()), clock: { ...systemClock, now: () => now } };
      const retention = new BlobRetention(deps);
      expect(await retention.deleteRuns(new Date(1000), 100)).toBe(1);
      await expect(ground.store.get(scope, runId)).rejects.toMatchObject({ code: 'not_found' });
      expect(await blobKeys()).toContain(shared);
      expect(await blobKeys()).not.toContain(own);

      await ground.blobs.put('runs/nobody/orphan', new Uint8Array(1));
      await ground.blobs.put('else/where', new Uint8Array(1));
      now += 2 * 3_600_000;
      await retention.sweepOrphans();
      expect(await blobKeys()).toContain('runs/nobody/orphan');
      now += 25 * 3_600_000;
      await retention.sweepOrphans();
      const left = await blobKeys();
      expect(left).not.toContain('runs/nobody/orphan');
      expect(left).toEqual(expect.arrayContaining(['else/where', shared, await blobOf(fork, 'own')]));
    });
  });
});
