import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/base/index.ts';
import {
  createUsageReports,
  SqlUsageStore,
  type UsageGrouping,
  type UsageReports,
} from '../../../src/capabilities/accounting/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import type { Storage } from '../../../src/platform/storage/index.ts';
import type { PermissionScope, Scope } from '../../../src/protocol/index.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { createMemoryLogger } from '../../../src/testing/memory-logger.ts';
import { usageRow } from '../../../src/testing/usage-row.ts';

const hourMs = 3_600_000;
const start = Date.UTC(2026, 0, 1);
const range = { fromMs: start - 400 * 24 * hourMs, toMs: start + 400 * 24 * hourMs };

function scopeOf(principal: string, ...scopes: PermissionScope[]): Scope {
  return { tenant: 'default', principal, scopes };
}
/** Databases are slow on a busy machine. */
const patience = { timeout: 20_000 };
const accountant = scopeOf('key:boss', 'usage:read');

/** A database that can be away. */
function interruptible(storage: Storage) {
  const state = { isAway: false, inserts: 0 };
  const db = storage.db.withPlugin({
    transformQuery: ({ node }) => {
      if (state.isAway) throw new AppError('storage_unavailable', 'The database cannot be reached.');
      state.inserts += 1;
      return node;
    },
    transformResult: ({ result }) => Promise.resolve(result),
  });
  return { state, storage: { kind: storage.kind, db } as Storage };
}

/** What usage rows and reports do on one kind of database. */
export function usageBehaviour(
  name: string,
  open: () => Promise<{ readonly storage: Storage; close(): Promise<void> }>,
): void {
  describe(`usage on ${name}`, () => {
    let base: Awaited<ReturnType<typeof open>>;
    let clock: FakeClock;
    let store: SqlUsageStore;
    let reports: UsageReports;
    let database: ReturnType<typeof interruptible>;
    let metrics: ReturnType<typeof createMetrics>;
    let logger: ReturnType<typeof createMemoryLogger>;

    beforeAll(async () => {
      base = await open();
    });
    afterAll(() => base.close());
    beforeEach(async () => {
      await base.storage.db.deleteFrom('model_usage').execute();
      clock = new FakeClock(start);
      database = interruptible(base.storage);
      metrics = createMetrics({ version: 'test', processMetrics: false });
      logger = createMemoryLogger();
      store = new SqlUsageStore({
        storage: database.storage,
        clock,
        logger,
        metrics,
        retentionMs: () => 24 * hourMs,
      });
      reports = createUsageReports({ storage: base.storage, flush: () => store.flush() });
      await store.start();
    });
    afterEach(async () => {
      const stopped = store.stop();
      await clock.advance(6_000);
      await stopped;
    });

    const stored = async (): Promise<readonly string[]> =>
      (await base.storage.db.selectFrom('model_usage').select('id').orderBy('id').execute()).map(
        ({ id }) => id,
      );
    const outcome = async (which: string): Promise<number> =>
      (await metrics.usageRows.get()).values.find(({ labels }) => labels.outcome === which)?.value ?? 0;
    const report = (scope: Scope, groupBy: readonly UsageGrouping[] = [], more: object = {}) =>
      reports.report(scope, { ...range, groupBy, limit: 100, ...more });
    const figuresBy = async (grouping: UsageGrouping) =>
      (await report(accountant, [grouping])).groups.map(({ by, requests }) => [by[grouping], requests]);

    it('writes a row half a second after it came, together with those that came meanwhile', async () => {
      store.record(usageRow({ id: 'a' }));
      await clock.advance(300);
      store.record(usageRow({ id: 'b' }));
      await clock.advance(199);
      expect(database.state.inserts).toBe(0);
      await clock.advance(1);
      await expect.poll(stored, patience).toEqual(['a', 'b']);
      expect(database.state.inserts).toBe(1);
    });

    it('writes 500 rows at once and without waiting', async () => {
      for (let index = 0; index < 1000; index += 1) store.record(usageRow({ id: `r${index}` }));
      await expect.poll(async () => (await stored()).length, patience).toBe(1000);
      expect(database.state.inserts).toBe(2);
      expect(await outcome('written')).toBe(1000);
    });

    it('keeps rows while the database is away, and writes each of them once', async () => {
      database.state.isAway = true;
      for (let index = 0; index < 600; index += 1) store.record(usageRow({ id: `r${index}` }));
      await clock.advance(5_000);
      expect(store.health()).toMatchObject({ status: 'degraded', metrics: { waiting: 600 } });
      database.state.isAway = false;
      await expect
        .poll(async () => {
          await clock.advance(10_000);
          return (await stored()).length;
        }, patience)
        .toBe(600);
      expect(store.health().status).toBe('ok');
      store.record(usageRow({ id: 'r1' }));
      await store.flush();
      expect(await stored()).toHaveLength(600);
    });

    it('drops and counts what comes beyond its bound, and says so once', async () => {
      database.state.isAway = true;
      for (let index = 0; index < 50_010; index += 1) store.record(usageRow({ id: `r${index}` }));
      expect(await outcome('dropped')).toBe(10);
      expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    });

    it('writes what waits when it stops', async () => {
      store.record(usageRow({ id: 'last' }));
      await store.stop();
      expect(await stored()).toEqual(['last']);
    });

    it('gives up after five seconds when it stops without a database, and says what is lost', async () => {
      database.state.isAway = true;
      store.record(usageRow({ id: 'lost' }));
      const stopped = store.stop();
      await clock.advance(6_000);
      await stopped;
      expect(await outcome('dropped')).toBe(1);
      expect(logger.lines.map(({ message }) => message).join()).toContain('usage rows were lost');
    });

    it('takes texts that a database does not, and leaves out only a row that it never takes', async () => {
      store.record(usageRow({ id: 'odd', user: 'a\0b\ud800', tags: ['\0'] }));
      store.record(usageRow({ id: 'huge', inputTokens: 1e19 }));
      store.record(usageRow({ id: 'good', durationMs: NaN }));
      await store.flush();
      expect(await stored()).toEqual(['good', 'odd']);
      expect(await outcome('dropped')).toBe(1);
    });

    it('deletes rows that are older than the retention', async () => {
      store.record(usageRow({ id: 'old', at: start - 25 * hourMs }));
      store.record(usageRow({ id: 'young', at: start - 23 * hourMs }));
      await store.flush();
      await store.sweep();
      expect(await stored()).toEqual(['young']);
    });

    describe('a report', () => {
      beforeEach(async () => {
        const rows = [
          usageRow({
            id: '1',
            tags: ['eu', 'batch'],
            team: 'red',
            user: 'ann',
            agent: 'support',
            runId: 'run_1',
            reasoningTokens: 4,
          }),
          usageRow({
            id: '2',
            at: start + hourMs,
            principal: 'key:key_2',
            tags: ['eu'],
            model: 'gpt-5',
            costUsd: 0.5,
            cachedInputTokens: 80,
            durationMs: 400,
            firstTokenMs: 150,
            stream: true,
          }),
          usageRow({
            id: '3',
            at: start + 25 * hourMs,
            provider: 'mine',
            model: 'secret',
            costUsd: null,
            estimated: true,
          }),
          usageRow({
            id: '4',
            status: 'rate_limited',
            inputTokens: 0,
            outputTokens: 0,
            costUsd: null,
            durationMs: 9,
          }),
          usageRow({ id: '5', cache: 'hit', costUsd: 0, durationMs: 1, principal: 'system' }),
          usageRow({ id: '6', tenant: 'other', costUsd: 1000 }),
        ];
        for (const row of rows) store.record(row);
      });

      it('sums up what the tenant used, what is still in memory included', async () => {
        const { totals, groups, truncated } = await report(accountant);
        expect(totals).toEqual({
          requests: 5,
          errors: 1,
          cachedRequests: 1,
          inputTokens: 400,
          outputTokens: 40,
          cachedInputTokens: 80,
          cacheWriteTokens: 0,
          reasoningTokens: 4,
          costUsd: 0.501,
          unpricedRequests: 1,
          estimatedRequests: 1,
          latencyMs: (200 + 400 + 200) / 3,
          firstTokenMs: (50 + 150 + 50) / 3,
        });
        expect([groups, truncated]).toEqual([[], false]);
      });

      it('has a cost of null only where every price is unknown', async () => {
        const { groups } = await report(accountant, ['model']);
        expect(
          groups.map(({ by, costUsd, unpricedRequests }) => [by.model, costUsd, unpricedRequests]),
        ).toEqual([
          ['gpt-5', 0.5, 0],
          ['gpt-5-mini', 0.001, 0],
          ['secret', null, 1],
        ]);
        expect((await report(accountant, [], { model: 'none' })).totals).toMatchObject({
          requests: 0,
          costUsd: 0,
        });
      });

      it('groups by time, principal, tag and everything else', async () => {
        expect(await figuresBy('day')).toEqual([
          ['2026-01-01', 4],
          ['2026-01-02', 1],
        ]);
        expect(await figuresBy('hour')).toEqual([
          ['2026-01-01T00:00:00Z', 3],
          ['2026-01-01T01:00:00Z', 1],
          ['2026-01-02T01:00:00Z', 1],
        ]);
        expect(await figuresBy('key')).toEqual([
          ['key_2', 1],
          ['key_1', 3],
          [null, 1],
        ]);
        expect(await figuresBy('tag')).toEqual([
          ['eu', 2],
          ['batch', 1],
          [null, 3],
        ]);
        expect(await figuresBy('user')).toContainEqual(['ann', 1]);
        expect(await figuresBy('team')).toContainEqual(['red', 1]);
        expect(await figuresBy('agent')).toContainEqual(['support', 1]);
        expect(await figuresBy('run')).toContainEqual(['run_1', 1]);
        expect(await figuresBy('provider')).toContainEqual(['mine', 1]);
        expect(await figuresBy('status')).toContainEqual(['rate_limited', 1]);
        expect(await figuresBy('operation')).toEqual([['chat', 5]]);
        expect(await figuresBy('deployment')).toEqual([['dep-1', 5]]);
        expect(await figuresBy('group')).toEqual([['chat', 5]]);
        const both = await report(accountant, ['day', 'provider']);
        expect(both.groups.map(({ by }) => by)).toEqual([
          { day: '2026-01-01', provider: 'openai' },
          { day: '2026-01-02', provider: 'mine' },
        ]);
      });

      it('names API keys', async () => {
        await base.storage.db
          .insertInto('api_keys')
          .values({
            id: 'key_2',
            tenant: 'default',
            name: 'ci',
            lookup: 'l',
            hash: 'h',
            scopes: '[]',
            created_by: 'x',
            created_at: new Date(start),
          })
          .execute();
        const { groups } = await report(accountant, ['key']);
        expect(groups[0]).toMatchObject({ by: { key: 'key_2' }, keyName: 'ci' });
        expect(groups[1]).not.toHaveProperty('keyName');
        await base.storage.db.deleteFrom('api_keys').execute();
      });

      it('is narrowed by each filter', async () => {
        const requests = async (more: object) => (await report(accountant, [], more)).totals.requests;
        expect(await requests({ key: 'key_1' })).toBe(3);
        expect(await requests({ tag: 'batch' })).toBe(1);
        expect(await requests({ status: 'error' })).toBe(1);
        expect(await requests({ status: 'ok' })).toBe(4);
        expect(await requests({ user: 'ann', team: 'red', agent: 'support', run: 'run_1' })).toBe(1);
        expect(
          await requests({
            provider: 'mine',
            model: 'secret',
            group: 'chat',
            deployment: 'dep-1',
            operation: 'chat',
          }),
        ).toBe(1);
        expect(await requests({ fromMs: start + 1 })).toBe(2);
        expect(await requests({ toMs: start })).toBe(0);
      });

      it('says when there are more groups than asked for', async () => {
        const { groups, truncated } = await report(accountant, ['model'], { limit: 2 });
        expect([groups.length, truncated]).toEqual([2, true]);
      });

      it('of somebody without usage:read holds the own calls only, whatever is asked for', async () => {
        expect((await report(scopeOf('key:key_2'))).totals).toMatchObject({ requests: 1, costUsd: 0.5 });
        expect((await report(scopeOf('key:key_2'), [], { key: 'key_1' })).totals.requests).toBe(0);
        expect((await reports.calls(scopeOf('key:key_2'), { ...range, limit: 10 })).items).toHaveLength(1);
        const stranger = { tenant: 'third', principal: 'key:key_1', scopes: ['admin'] } as const;
        expect((await report(stranger)).totals.requests).toBe(0);
        expect((await reports.calls(stranger, { ...range, limit: 10 })).items).toEqual([]);
      });

      it('lists single calls page by page, the newest first, as they were recorded', async () => {
        const ids: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await reports.calls(accountant, {
            ...range,
            limit: 2,
            ...(cursor === undefined ? {} : { cursor }),
          });
          ids.push(...page.items.map(({ id }) => id));
          cursor = page.next ?? undefined;
        } while (cursor !== undefined);
        expect(ids).toEqual(['3', '2', '5', '4', '1']);
        const [call] = (await reports.calls(accountant, { ...range, limit: 1, run: 'run_1' })).items;
        expect(call).toEqual(
          usageRow({
            id: '1',
            tags: ['eu', 'batch'],
            team: 'red',
            user: 'ann',
            agent: 'support',
            runId: 'run_1',
            reasoningTokens: 4,
          }),
        );
        await expect(reports.calls(accountant, { ...range, limit: 1, cursor: 'x' })).rejects.toMatchObject({
          code: 'invalid_request',
        });
      });
    });
  });
}
