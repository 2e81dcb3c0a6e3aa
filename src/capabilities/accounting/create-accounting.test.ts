import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { AppError, silentLogger } from '../../base/index.ts';
import { createFakeIds } from '../../testing/fake-ids.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { createMemoryLogger } from '../../testing/memory-logger.ts';
import type { AdmissionRequest, BilledDeployment, CallOutcome } from './accounting.ts';
import type { CallerLimit, ModelCaller, SubjectLimits } from './caller.ts';
import { createAccounting } from './create-accounting.ts';
import type { Ledger } from './ledger.ts';
import { MemoryLedger } from './ledger/memory-ledger.ts';
import type { UsageRow } from './usage-row.ts';

const signal = new AbortController().signal;
const price = { inputPerMillion: 1000, outputPerMillion: 10_000 };
const caller: ModelCaller = {
  scope: { tenant: 'acme', principal: 'key:k1', scopes: [] },
  requestId: 'req_1',
  tags: ['eu'],
};
const deployment: BilledDeployment = {
  id: 'd1',
  group: 'chat',
  provider: 'openai',
  model: 'gpt',
  limits: {},
  price,
};
const request = (different: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  caller,
  deployment,
  operation: 'chat',
  stream: false,
  inputTokens: 100,
  mostInputTokens: 100,
  maxOutputTokens: 50,
  deadlineMs: Date.UTC(2026, 0, 1) + 60_000,
  ...different,
});
const outcome = (inputTokens: number, outputTokens: number): CallOutcome => ({
  status: 'ok',
  usage: { inputTokens, outputTokens, costUsd: null },
  estimated: false,
  durationMs: 5,
  firstTokenMs: undefined,
  attempts: 1,
});

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

async function ground(limits: readonly CallerLimit[], given?: (ledger: Ledger) => Ledger) {
  const clock = new FakeClock();
  const rows: UsageRow[] = [];
  const memory = new MemoryLedger({ clock, logger: silentLogger });
  const asked: string[] = [];
  const watched: Ledger = {
    name: 'ledger',
    start: () => memory.start(),
    stop: () => memory.stop(),
    reserve: (reservation, options) => {
      asked.push(reservation.id);
      return memory.reserve(reservation, options);
    },
    settle: (id, settlement) => memory.settle(id, settlement),
    release: (id) => memory.release(id),
    use: (subjects) => memory.use(subjects),
    reset: (key) => memory.reset(key),
  };
  const logger = createMemoryLogger();
  const accounting = createAccounting({
    ledger: given?.(watched) ?? watched,
    limits: { limitsOf: () => limits, teamOf: () => 'red' },
    usage: { record: (row) => rows.push(row) },
    clock,
    ids: createFakeIds(),
    logger,
  });
  await accounting.start();
  started.push(accounting);
  const use = async (subject: string, own: SubjectLimits) => {
    const [found] = await memory.use([{ key: `tenant/acme/${subject}`, limits: own }]);
    return found;
  };
  return { accounting, rows, asked, clock, use, logger };
}

const budget = (usd: number): SubjectLimits => ({ budgets: [{ usd, period: 'month' }] });
const admit = (
  accounting: Awaited<ReturnType<typeof ground>>['accounting'],
  different?: Partial<AdmissionRequest>,
) => accounting.admit(request(different), { signal });

describe('accounting', () => {
  it('asks nobody where nothing is limited, and writes a row all the same', async () => {
    const { accounting, asked, rows } = await ground([]);
    const admission = await admit(accounting);
    expect(admission.maxOutputTokens).toBeUndefined();
    const usage = admission.settle({ ...outcome(100, 20), firstTokenMs: 3 });
    expect(usage?.costUsd).toBeCloseTo(0.3, 9);
    expect(asked).toEqual([]);
    expect(rows).toMatchObject([
      {
        tenant: 'acme',
        principal: 'key:k1',
        team: 'red',
        requestId: 'req_1',
        tags: ['eu'],
        group: 'chat',
        deployment: 'd1',
        provider: 'openai',
        model: 'gpt',
        operation: 'chat',
        status: 'ok',
        inputTokens: 100,
        outputTokens: 20,
        firstTokenMs: 3,
        attempts: 1,
        cache: null,
      },
    ]);
    expect(rows[0]?.costUsd).toBeCloseTo(0.3, 9);
  });

  it('reserves the worst, then settles what was used, once', async () => {
    const limits = { ...budget(10), rpm: 10, tpm: 1000, parallel: 5 };
    const { accounting, use, rows } = await ground([{ subject: 'key:k1', limits }]);
    const admission = await admit(accounting);
    expect(admission.maxOutputTokens).toBe(50);
    expect(await use('key:k1', limits)).toMatchObject({
      tokens: 150,
      parallel: 1,
      budgets: [{ reservedUsd: 0.6 }],
    });
    admission.settle(outcome(90, 10));
    admission.settle(outcome(90, 10));
    expect(await use('key:k1', limits)).toMatchObject({
      requests: 1,
      tokens: 100,
      parallel: 0,
      budgets: [{ reservedUsd: 0, spentUsd: 0.19 }],
    });
    expect(rows).toHaveLength(1);
  });

  it('gives everything back where nothing was used', async () => {
    const limits = budget(1);
    const { accounting, use, rows } = await ground([{ subject: 'tenant', limits }]);
    const admission = await admit(accounting);
    expect(
      admission.settle({ ...outcome(0, 0), status: 'model_unavailable', usage: undefined }),
    ).toBeUndefined();
    expect(await use('tenant', limits)).toMatchObject({
      parallel: 0,
      budgets: [{ reservedUsd: 0, spentUsd: 0 }],
    });
    expect(rows).toMatchObject([{ status: 'model_unavailable', costUsd: 0, inputTokens: 0 }]);
  });

  it('holds a call against deployment, caller and what the call brings with it, and says who refuses', async () => {
    const { accounting, clock } = await ground([{ subject: 'key:k1', limits: { rpm: 3 } }]);
    const limited = { ...deployment, limits: { parallel: 1 } };
    const run = { ...caller, limits: [{ subject: 'run:r1', limits: { rpm: 1 } }] };
    await admit(accounting, { deployment: limited, caller: run });
    await expect(admit(accounting, { deployment: limited, caller: run })).rejects.toMatchObject({
      code: 'rate_limited',
      details: { subject: 'run:r1', limit: 'rpm', allowed: 1, used: 1 },
    });
    await expect(admit(accounting, { deployment: limited })).rejects.toMatchObject({
      code: 'rate_limited',
      retryable: true,
      details: { subject: 'deployment:d1', deployment: 'd1', limit: 'parallel', retryAfterMs: 1000 },
    });
    await admit(accounting);
    await admit(accounting);
    const error = await admit(accounting).catch((one: unknown) => one);
    expect(error).toMatchObject({ code: 'rate_limited', details: { subject: 'key:k1', limit: 'rpm' } });
    expect((error as AppError).details?.['deployment']).toBeUndefined();
    await clock.advance(61_000);
    await admit(accounting);
  });

  it('says of a budget whose it is, what is spent and when it begins anew', async () => {
    const { accounting } = await ground([{ subject: 'team:red', limits: budget(1) }]);
    const admission = await admit(accounting);
    admission.settle(outcome(500, 40));
    await expect(admit(accounting, { maxOutputTokens: 20 })).rejects.toMatchObject({
      code: 'budget_exceeded',
      retryable: false,
      details: {
        subject: 'team:red',
        limitUsd: 1,
        spentUsd: 0.9,
        reservedUsd: 0,
        resetsAt: '2026-02-01T00:00:00.000Z',
        retryAfterMs: Date.UTC(2026, 1, 1) - Date.UTC(2026, 0, 1),
      },
    });
  });

  it('bounds the answer of a caller that asked for no bound: by the model, else by 4096 tokens', async () => {
    const rich = [{ subject: 'tenant', limits: budget(1e6) }];
    const { accounting } = await ground(rich);
    expect((await admit(accounting, { maxOutputTokens: undefined })).maxOutputTokens).toBe(4096);
    const small = { ...deployment, maxOutputTokens: 1000 };
    expect((await admit(accounting, { maxOutputTokens: undefined, deployment: small })).maxOutputTokens).toBe(
      1000,
    );
    expect((await admit(accounting, { maxOutputTokens: 5000, deployment: small })).maxOutputTokens).toBe(
      1000,
    );
  });

  it('does not bound answers that cost nothing, and none where only calls and tokens are limited', async () => {
    const { accounting } = await ground([
      { subject: 'tenant', limits: { ...budget(1), rpm: 100, tpm: 100_000 } },
    ]);
    const free = { ...deployment, price: { inputPerMillion: 0, outputPerMillion: 0 } };
    expect(
      (await admit(accounting, { maxOutputTokens: undefined, deployment: free })).maxOutputTokens,
    ).toBeUndefined();
    const { accounting: other } = await ground([{ subject: 'tenant', limits: { rpm: 100, tpm: 100_000 } }]);
    expect((await admit(other, { maxOutputTokens: undefined })).maxOutputTokens).toBeUndefined();
    expect((await admit(other, { maxOutputTokens: 77 })).maxOutputTokens).toBe(77);
  });

  it('shortens an answer that would not fit, to what is left, but not below 256 tokens', async () => {
    const { accounting, use } = await ground([{ subject: 'tenant', limits: budget(10) }]);
    // 400 tokens of input: 0.40 USD; the other 9.60 pay for 960 tokens.
    const first = await admit(accounting, { maxOutputTokens: 2000, mostInputTokens: 400 });
    expect(first.maxOutputTokens).toBe(960);
    expect(await use('tenant', budget(10))).toMatchObject({ budgets: [{ reservedUsd: 10 }] });
    first.settle(outcome(100, 700));
    expect(await use('tenant', budget(10))).toMatchObject({ budgets: [{ spentUsd: 7.1, reservedUsd: 0 }] });
    // 2.90 would pay for 250 tokens.
    await expect(admit(accounting, { maxOutputTokens: 2000, mostInputTokens: 400 })).rejects.toMatchObject({
      code: 'budget_exceeded',
    });
    expect((await admit(accounting, { maxOutputTokens: 100 })).maxOutputTokens).toBe(100);
  });

  it('reserves the most input that it can be, whatever is estimated', async () => {
    const { accounting, use } = await ground([{ subject: 'tenant', limits: { ...budget(1), tpm: 5000 } }]);
    const embedding = { operation: 'embedding' as const, maxOutputTokens: undefined };
    await admit(accounting, { ...embedding, inputTokens: 100, mostInputTokens: 700 });
    expect(await use('tenant', budget(1))).toMatchObject({ tokens: 100, budgets: [{ reservedUsd: 0.7 }] });
    await expect(
      admit(accounting, { ...embedding, inputTokens: 100, mostInputTokens: 301 }),
    ).rejects.toMatchObject({ code: 'budget_exceeded' });
  });

  it('reserves each of several answers, and bounds each by its share', async () => {
    const limits = { ...budget(4), tpm: 1000 };
    const { accounting, use } = await ground([{ subject: 'tenant', limits }]);
    // 3 × 50 tokens of answers and 100 of input.
    expect((await admit(accounting, { answers: 3 })).maxOutputTokens).toBe(50);
    expect(await use('tenant', limits)).toMatchObject({ tokens: 250, budgets: [{ reservedUsd: 1.6 }] });
    // 750 tokens are left of the minute: 325 each; 2.40 USD pay for 230 tokens: 115 each.
    expect((await admit(accounting, { answers: 2, maxOutputTokens: 115 })).maxOutputTokens).toBe(115);
    const { accounting: other, use: otherUse } = await ground([{ subject: 'tenant', limits: budget(10) }]);
    expect((await admit(other, { answers: 3, maxOutputTokens: undefined })).maxOutputTokens).toBe(330);
    expect(await otherUse('tenant', budget(10))).toMatchObject({ budgets: [{ reservedUsd: 10 }] });
    const { accounting: narrow } = await ground([{ subject: 'tenant', limits: { tpm: 1000 } }]);
    expect((await admit(narrow, { answers: 3, maxOutputTokens: 5000 })).maxOutputTokens).toBe(300);
  });

  it('counts what was reserved where nobody told what was used', async () => {
    const limits = budget(1);
    const { accounting, use, rows } = await ground([{ subject: 'tenant', limits }]);
    const left = await admit(accounting);
    left.settle({ ...outcome(100, 3), status: 'cancelled', estimated: true });
    expect(await use('tenant', limits)).toMatchObject({ budgets: [{ spentUsd: 0.6, reservedUsd: 0 }] });
    expect(rows).toMatchObject([{ status: 'cancelled', costUsd: 0.13, estimated: true }]);
    // Shortened to what was left, and no more than that is counted.
    const shortened = await admit(accounting, { inputTokens: 10, mostInputTokens: 10, maxOutputTokens: 39 });
    shortened.settle({ ...outcome(5, 3), status: 'cancelled', estimated: true });
    expect(await use('tenant', limits)).toMatchObject({ budgets: [{ spentUsd: 1, reservedUsd: 0 }] });
  });

  it('refuses a price that nobody knows, names where to write it, and lets it pass where that is allowed', async () => {
    const unknown = { ...deployment, price: undefined };
    const { accounting, rows } = await ground([{ subject: 'tenant', limits: budget(1) }]);
    await expect(admit(accounting, { deployment: unknown })).rejects.toMatchObject({
      code: 'budget_exceeded',
      message: expect.stringMatching(/openai\/gpt.*models\.prices.*unpriced: allow/) as string,
    });
    expect(rows).toEqual([]);
    const { accounting: lenient } = await ground([
      { subject: 'tenant', limits: { ...budget(1), unpriced: 'allow' } },
    ]);
    const admission = await admit(lenient, { deployment: unknown });
    expect(admission.settle(outcome(1, 1))?.costUsd).toBeNull();
  });

  it('lets a call whose bound is larger than the tokens of a minute use what they allow', async () => {
    const { accounting } = await ground([{ subject: 'key:k1', limits: { tpm: 1000 } }]);
    expect((await admit(accounting, { maxOutputTokens: 5000 })).maxOutputTokens).toBe(900);
    const { accounting: other } = await ground([{ subject: 'key:k1', limits: { tpm: 1000 } }]);
    await expect(admit(other, { inputTokens: 990, maxOutputTokens: 5000 })).rejects.toMatchObject({
      code: 'rate_limited',
      retryable: false,
    });
  });

  it('fails closed with a budget while the store is away, and lets other calls pass', async () => {
    const away = (ledger: Ledger): Ledger => ({
      ...ledger,
      reserve: () => Promise.reject(new AppError('storage_unavailable', 'gone')),
    });
    const strict = await ground([{ subject: 'tenant', limits: budget(1) }], away);
    await expect(admit(strict.accounting)).rejects.toMatchObject({ code: 'storage_unavailable' });
    const lenient = await ground([{ subject: 'tenant', limits: { rpm: 1 } }], away);
    for (let calls = 0; calls < 3; calls += 1) (await admit(lenient.accounting)).settle(outcome(1, 1));
    expect(lenient.rows).toHaveLength(3);
    expect(lenient.logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('records an answer of our own cache as free', async () => {
    const { accounting, rows } = await ground([]);
    const { group, provider, model, id } = deployment;
    const usage = { inputTokens: 10, outputTokens: 5, costUsd: 1 };
    const hit = { caller, group, provider, model, deployment: id, operation: 'chat', stream: true } as const;
    accounting.recordHit({ ...hit, usage, durationMs: 1 });
    expect(rows).toMatchObject([{ cache: 'hit', costUsd: 0, inputTokens: 10, status: 'ok', attempts: 0 }]);
  });

  it('never spends more than a budget, while every call keeps to its bound and its bytes', async () => {
    const call = fc.record({
      bytes: fc.integer({ min: 1, max: 3000 }),
      asked: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
      // How far the estimate is off: tokens really used of the bytes, and of the bound.
      input: fc.integer({ min: 0, max: 100 }),
      output: fc.integer({ min: 0, max: 100 }),
      waits: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 40 }), async (calls) => {
        const limits = budget(20);
        const { accounting, use } = await ground([{ subject: 'tenant', limits }]);
        const open: (() => void)[] = [];
        for (const { bytes, asked, input, output, waits } of calls) {
          // A quarter of the bytes, and really at most a quarter more than that.
          const inputTokens = Math.ceil(bytes / 4);
          const used = Math.min(bytes, Math.floor((inputTokens * 1.25 * input) / 100));
          const admission = await admit(accounting, {
            inputTokens,
            mostInputTokens: bytes,
            maxOutputTokens: asked,
          }).catch(() => undefined);
          if (admission === undefined) continue;
          const settle = () =>
            admission.settle(outcome(used, Math.floor(((admission.maxOutputTokens ?? 0) * output) / 100)));
          if (waits) open.push(settle);
          else settle();
          const [state] = (await use('tenant', limits))?.budgets ?? [];
          expect(state?.spentUsd).toBeLessThanOrEqual(20 + 1e-9);
        }
        for (const settle of open) settle();
        const [state] = (await use('tenant', limits))?.budgets ?? [];
        expect(state?.spentUsd).toBeLessThanOrEqual(20 + 1e-9);
      }),
      { numRuns: 100 },
    );
  });
});
