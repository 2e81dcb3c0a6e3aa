import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from 'kysely';
import { AppError } from '../../../src/base/index.ts';
import type { AgentRequest } from '../../../src/protocol/index.ts';
import { answer, onBothDatabases, scope, soon, type RunGround } from './run-ground.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';

await onBothDatabases((prepare) => {
  describe('requests that come at the same time', () => {
    let ground: RunGround;
    beforeAll(async () => {
      ground = await prepare();
      await ground.open();
    });
    afterAll(() => ground.close());

    const submit = (name: string, more: Partial<AgentRequest>) =>
      ground.engine.submit(scope, agentRequest(name, { source: 'grouped', ...more }));

    it('are each accepted as if they had come alone, in few transactions', async () => {
      const name = ground.script((context) => Promise.resolve(answer(String(context.input))));
      let transactions = 0;
      const { transaction } = ground.storage;
      ground.storage.transaction = (...given) => {
        transactions += 1;
        return transaction.apply(ground.storage, given) as never;
      };
      const engine = await ground.startEngine({ execute: false });
      const keys = Array.from({ length: 120 }, (_unused, index) => `k${index}`);
      const wanted = [...keys, ...keys.slice(0, 20)].map((key, index) =>
        engine.submit(scope, {
          source: 'grouped',
          target: { kind: 'agent', name: index === 7 ? 'nobody' : name },
          input: key,
          sessionKey: `session ${index % 10}`,
          dedupeKey: key,
          replyTo: null,
          timeoutMs: null,
          metadata: {},
        }),
      );
      const outcomes = await Promise.allSettled(wanted);
      ground.storage.transaction = transaction;
      const ids = outcomes.map((one) =>
        one.status === 'fulfilled' ? one.value.runId : (one.reason as AppError).code,
      );
      expect(ids[7]).toBe('not_found');
      expect(new Set(ids.slice(0, 120)).size).toBe(120);
      // The second request of a key leads to the run of the first; the one without a target left no trace.
      const again = ids.slice(120);
      expect(again.filter((id, index) => index !== 7 && id !== ids[index])).toEqual([]);
      expect(outcomes[120]).toMatchObject({ status: 'fulfilled', value: { duplicate: true } });
      expect(outcomes[127]).toMatchObject({ status: 'fulfilled', value: { duplicate: false } });
      expect(transactions).toBeLessThan(40);
      const first = outcomes[0];
      if (first?.status !== 'fulfilled') throw new Error('the first request was refused');
      const response = await ground.engine.response(scope, first.value.runId, { signal: soon() });
      expect(response.text).toBe('k0');
    });

    it('are refused where a key comes again with another content', async () => {
      const name = ground.script(() => Promise.resolve(answer('ok')));
      const one = { dedupeKey: 'one key', input: 1 };
      await submit(name, one);
      const outcomes = await Promise.allSettled([
        submit(name, { input: 2 }),
        submit(name, { input: 3 }),
        submit(name, one),
        submit(name, { ...one, input: 4 }),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'fulfilled',
        'rejected',
      ]);
      expect(outcomes[3]).toMatchObject({ reason: { code: 'idempotency_mismatch' } });
    });

    it('do not wait for one of them that another transaction holds', async (context) => {
      context.skip(ground.storage.kind === 'pglite', 'one connection');
      const name = ground.script(() => Promise.resolve(answer('ok')));
      await submit(name, {});
      const locked = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      const holder = ground.storage.transaction(async (trx) => {
        await sql`insert into inbox (id, tenant, source, dedupe_key, digest, request, run_id, received_at)
          values ('req_held', 'default', 'grouped', 'held', 'x', '{}', 'run_held', now())`.execute(trx);
        locked.resolve();
        await release.promise;
        throw new AppError('internal', 'given up');
      });
      await locked.promise;
      const keys = ['held', 'a', 'held', 'b', 'c', 'held', 'd', 'e', 'f'];
      const wanted = keys.map((key) => submit(name, { dedupeKey: key }));
      await Promise.all(wanted.filter((_one, index) => keys[index] !== 'held'));
      release.resolve();
      await expect(holder).rejects.toThrow('given up');
      const held = await Promise.all([wanted[0], wanted[2], wanted[5]]);
      expect(held.filter((one) => one?.duplicate === true)).toHaveLength(2);
    });

    it('tell all who wait for their responses by one look, where no notification came', async () => {
      const name = ground.script(() => Promise.resolve(answer('done')));
      const idle = await ground.startEngine({ execute: false });
      const submitted = await Promise.all(Array.from({ length: 30 }, () => submit(name, {})));
      const waiting = submitted.map(({ runId }) => idle.response(scope, runId, { signal: soon() }));
      expect((await Promise.all(waiting)).map(({ text }) => text)).toEqual(submitted.map(() => 'done'));
    });
  });
});
