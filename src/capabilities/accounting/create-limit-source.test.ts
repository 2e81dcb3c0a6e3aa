import { describe, expect, it } from 'vitest';
import { agentDefinition, modelLimits, type Scope } from '../../protocol/index.ts';
import { FakeStoredLimits } from '../../testing/fake-limits.ts';
import type { CallerAttributes } from './caller-directory.ts';
import type { ModelCaller } from './caller.ts';
import { createLimitSource } from './create-limit-source.ts';
import { createFileLimits } from './file-limits.ts';
import { runLimitsOf } from './run-limits.ts';

const admin: Scope = { tenant: 'default', principal: 'key:boss', scopes: ['admin'] };

function ground(file: unknown = [], attributes: Record<string, CallerAttributes> = {}) {
  const stored = new FakeStoredLimits();
  let list = modelLimits.parse(file);
  const source = createLimitSource({
    stored,
    file: createFileLimits(() => list),
    callers: {
      known: ({ principal }) =>
        attributes[principal] ?? (principal.startsWith('key:') ? undefined : { tags: [] }),
    },
  });
  const of = (
    different: Partial<Omit<ModelCaller, 'scope'>> & { principal?: string; tenant?: string } = {},
  ) => {
    const { principal = 'system', tenant = 'default', ...rest } = different;
    return source.limitsOf({ scope: { tenant, principal, scopes: [] }, requestId: 'r', ...rest });
  };
  const reload = (next: unknown): void => {
    list = modelLimits.parse(next);
  };
  return { stored, source, of, reload };
}

describe('limits of a caller', () => {
  it('are those of every subject that it is', () => {
    const { of } = ground(
      [
        { subject: 'tenant', rpm: 1 },
        { subject: 'key:*', rpm: 2 },
        { subject: 'user:ann', rpm: 3 },
        { subject: 'team:red', rpm: 4 },
        { subject: 'agent:support', rpm: 5 },
        { subject: 'tag:eu', rpm: 6 },
        { subject: 'tag:batch', rpm: 7 },
        { subject: 'run:*', rpm: 8 },
        { subject: 'user:bob', rpm: 9 },
      ],
      { 'key:key_1': { team: 'red', user: 'ann', tags: ['eu'] } },
    );
    const limits = of({ principal: 'key:key_1', agent: 'support', runId: 'run_1', tags: ['batch', 'eu'] });
    expect(limits.map(({ subject, limits: { rpm } }) => [subject, rpm])).toEqual([
      ['tenant', 1],
      ['key:key_1', 2],
      ['user:ann', 3],
      ['team:red', 4],
      ['agent:support', 5],
      ['tag:batch', 7],
      ['tag:eu', 6],
      ['run:run_1', 8],
    ]);
    expect(of().map(({ subject }) => subject)).toEqual(['tenant']);
  });

  it('are of the user whom the key is bound to, whatever the request says', () => {
    const file = [{ subject: 'user:*', rpm: 1 }];
    const { of } = ground(file, { 'key:bound': { user: 'ann', tags: [] }, 'key:free': { tags: [] } });
    const user = (principal: string, named?: string) =>
      of({ principal, ...(named === undefined ? {} : { user: named }) }).map(({ subject }) => subject);
    expect(user('key:bound', 'bob')).toEqual(['user:ann']);
    expect(user('key:free', 'bob')).toEqual(['user:bob']);
    expect(user('key:free')).toEqual([]);
    expect(user('user:eve')).toEqual(['user:eve']);
    expect(user('telegram:bot:7')).toEqual(['user:telegram:bot:7']);
    expect(user('system')).toEqual([]);
  });

  it('are the most specific ones, stored before file; what one leaves out the next one says', async () => {
    const file = [
      { subject: 'key:*', rpm: 10, tpm: 100, parallel: 1, budgets: [{ usd: 1, period: 'day' }] },
      { subject: 'key:ci', tpm: 200 },
    ];
    const { of, stored } = ground(file, { 'key:key_1': { name: 'ci', tags: [] } });
    const limits = () => of({ principal: 'key:key_1' })[0]?.limits;
    const day = { budgets: [{ usd: 1, period: 86_400_000 }] };
    expect(limits()).toEqual({ rpm: 10, tpm: 200, parallel: 1, ...day });
    await stored.set(admin, 'key:*', { rpm: 20, tpm: 1 });
    expect(limits()).toEqual({ rpm: 20, tpm: 200, parallel: 1, ...day });
    await stored.set(admin, 'key:key_1', { rpm: 30, tpm: null, budgets: null });
    expect(limits()).toEqual({ rpm: 30, parallel: 1 });
    await stored.remove(admin, 'key:key_1');
    expect(limits()).toMatchObject({ rpm: 20, tpm: 200 });
  });

  it('of all runs are counted beside those that a run brings with it', () => {
    const { of } = ground([{ subject: 'run:*', budgets: [{ usd: 1, period: 'total' }] }]);
    const own = [{ subject: 'run:run_1', limits: { rpm: 1 } }];
    expect(of({ runId: 'run_1' }).map(({ subject }) => subject)).toEqual(['run:run_1']);
    expect(of({ runId: 'run_1', limits: own }).map(({ subject }) => subject)).toEqual(['run:run_1/all']);
  });

  it('of one tenant are not those of another, those of the file are all tenants’', async () => {
    const { of, stored } = ground([{ subject: 'tenant', rpm: 10 }]);
    await stored.set(admin, 'tenant', { rpm: 5 });
    expect(of()[0]?.limits).toEqual({ rpm: 5 });
    expect(of({ tenant: 'other' })[0]?.limits).toEqual({ rpm: 10 });
  });

  it('follow the project when it is loaded anew', () => {
    const { of, reload } = ground([{ subject: 'tenant', rpm: 10 }]);
    expect(of()[0]?.limits).toEqual({ rpm: 10 });
    reload([{ subject: 'tenant', rpm: 11, unpriced: 'allow', budgets: [{ usd: 5, period: 'total' }] }]);
    expect(of()[0]?.limits).toEqual({ rpm: 11, unpriced: 'allow', budgets: [{ usd: 5, period: 'total' }] });
    reload([]);
    expect(of()).toEqual([]);
  });

  it('are the same array for the same caller, until something changes', async () => {
    const { of, stored } = ground([{ subject: 'tenant', rpm: 10 }]);
    const before = of();
    expect(of()).toBe(before);
    await stored.set(admin, 'team:red', { rpm: 1 });
    expect(of()).not.toBe(before);
  });

  it('of a key that nobody has asked about are refused, not taken for none', () => {
    const { of } = ground([{ subject: 'team:red', rpm: 1 }]);
    expect(() => of({ principal: 'key:unknown' })).toThrow(expect.objectContaining({ code: 'not_ready' }));
  });

  it('tell the team', () => {
    const { source } = ground([], { 'key:key_1': { team: 'red', tags: [] } });
    const teamOf = (principal: string) =>
      source.teamOf({ scope: { tenant: 'default', principal, scopes: [] }, requestId: 'r' });
    expect([teamOf('key:key_1'), teamOf('system')]).toEqual(['red', undefined]);
  });
});

describe('limits in definitions', () => {
  it.each([
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['day', 86_400_000],
    ['1w', 604_800_000],
    ['week', 604_800_000],
    ['30d', 2_592_000_000],
    ['month', 'month'],
    ['total', 'total'],
  ])('have a period %s', (period, parsed) => {
    const [limit] = modelLimits.parse([{ subject: 'tenant', budgets: [{ usd: 1, period }] }]);
    expect(limit?.budgets).toEqual([{ usd: 1, period: parsed }]);
  });

  it.each([
    { subject: 'tenant', budgets: [{ usd: 1, period: 'fortnight' }] },
    { subject: 'tenant', budgets: [{ usd: 1, period: '1s' }] },
    { subject: 'tenant', budgets: [{ usd: 0, period: '1d' }] },
    { subject: 'tenant', rpm: 0 },
    { subject: 'nobody:x' },
    { subject: 'key:' },
    { subject: 'run:run_1', rpm: 1 },
    { subject: 'tenant', rpms: 1 },
  ])('refuse %j', (limit) => {
    expect(modelLimits.safeParse([limit]).success).toBe(false);
  });

  it('of an agent become those of its run', () => {
    const of = (limits: object) =>
      runLimitsOf(
        agentDefinition.parse({
          apiVersion: 'agent33/v1',
          kind: 'Agent',
          metadata: { name: 'a' },
          spec: { limits },
        }),
        'run_1',
      );
    expect(of({})).toEqual([]);
    expect(of({ budgetUsd: 0.5 })).toEqual([
      { subject: 'run:run_1', limits: { budgets: [{ usd: 0.5, period: 'total' }] } },
    ]);
  });
});
