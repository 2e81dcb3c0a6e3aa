import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIdGenerator, silentLogger } from '../../../src/base/index.ts';
import { PairingManager } from '../../../src/entrypoints/channels/index.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { MemoryStorage } from '../../../src/testing/memory-storage.ts';

const minute = 60_000;
const ada = { tenant: 'default', platform: 'telegram', accountId: '42', userId: '7' };
const ben = { ...ada, userId: '8' };
const named = (user: typeof ada) => ({ ...user, channel: 'telegram', userName: 'Somebody' });

const storage = new MemoryStorage();
let clock: FakeClock;
let pairing: PairingManager;

beforeAll(() => storage.start());
afterAll(() => storage.stop());
beforeEach(async () => {
  for (const table of ['pairing_codes', 'pairings', 'pairing_tries'] as const)
    await storage.db.deleteFrom(table).execute();
  clock = new FakeClock();
  const ids = createIdGenerator(() => clock.now());
  pairing = new PairingManager({ storage, clock, ids, logger: silentLogger, secret: 'the-secret' });
});

const others = (code: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) =>
    String((Number(code) + index + 1) % 1_000_000).padStart(6, '0'),
  );

describe('a code', () => {
  it('has six digits, is kept only as HMAC, and works once for its user', async () => {
    const code = await pairing.generateCode(named(ada), 'user:ada');
    expect(code).toMatch(/^\d{6}$/);
    const rows = await storage.db.selectFrom('pairing_codes').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(code);
    expect(await pairing.verifyCode(code, ben)).toBe(false);
    expect(await pairing.verifyCode(code, { ...ada, platform: 'discord' })).toBe(false);
    expect(await pairing.verifyCode(code, { ...ada, accountId: '43' })).toBe(false);
    expect(await pairing.verifyCode(` ${code.slice(0, 3)}-${code.slice(3)} `, ada)).toBe(true);
    expect(await pairing.verifyCode(code, ada)).toBe(false);
    expect(await pairing.pairing(ada)).toMatchObject({ subject: 'user:ada', pairedBy: 'telegram:42:7' });
    expect(await pairing.pairing(ben)).toBeUndefined();
  });

  it('ends after 15 minutes', async () => {
    const early = await pairing.generateCode(named(ada));
    await clock.advance(15 * minute - 1);
    expect(await pairing.verifyCode(early, ada)).toBe(true);
    const late = await pairing.generateCode(named(ada));
    await clock.advance(15 * minute);
    expect(await pairing.verifyCode(late, ada)).toBe(false);
  });

  it('works once even when it is sent many times at the same moment', async () => {
    const code = await pairing.generateCode(named(ada));
    const results = await Promise.all(Array.from({ length: 5 }, () => pairing.verifyCode(code, ada)));
    expect(results.filter(Boolean)).toHaveLength(1);
  });
});

describe('guessing', () => {
  it('ends after five wrong tries, also for the right code, until a quarter of an hour has passed', async () => {
    const code = await pairing.generateCode(named(ada));
    for (const wrong of others(code, 5)) expect(await pairing.verifyCode(wrong, ada)).toBe(false);
    await expect(pairing.verifyCode(code, ada)).rejects.toMatchObject({ code: 'rate_limited' });
    await clock.advance(15 * minute + 1);
    const next = await pairing.generateCode(named(ada));
    expect(await pairing.verifyCode(next, ada)).toBe(true);
  });

  it('gets no further by many at the same moment', async () => {
    const code = await pairing.generateCode(named(ada));
    const outcomes = await Promise.allSettled(
      others(code, 100).map((wrong) => pairing.verifyCode(wrong, ada)),
    );
    expect(outcomes.filter((one) => one.status === 'fulfilled').length).toBeLessThanOrEqual(5);
    expect(await pairing.pairing(ada)).toBeUndefined();
  });

  it('by many users is ended for the whole account', async () => {
    let compared = 0;
    for (let user = 0; user < 30; user += 1) {
      for (let time = 0; time < 3; time += 1) {
        const tried = pairing.verifyCode('000000', { ...ada, userId: `robot-${user}` });
        compared += await tried.then(
          () => 1,
          () => 0,
        );
      }
    }
    expect(compared).toBe(50);
    const tries = await storage.db.selectFrom('pairing_tries').select('id').execute();
    expect(tries).toHaveLength(50);
    expect(await pairing.verifyCode('000000', { ...ben, accountId: 'other' })).toBe(false);
  });
});

describe('a stranger who asks', () => {
  it('is told a code once an hour, which an operator approves and the stranger cannot use', async () => {
    const code = await pairing.request(named(ada));
    expect(await pairing.request(named(ada))).toBeUndefined();
    expect(await pairing.verifyCode(code ?? '', ada)).toBe(false);
    expect(await pairing.pending('default', 'telegram')).toMatchObject([{ userId: '7' }]);
    await expect(pairing.approve('default', 'other', code ?? '', 'key:1')).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(await pairing.approve('default', 'telegram', code ?? '', 'key:1')).toMatchObject({
      userId: '7',
      pairedBy: 'key:1',
    });
    await expect(pairing.approve('default', 'telegram', code ?? '', 'key:1')).rejects.toMatchObject({
      code: 'not_found',
    });
    await clock.advance(60 * minute);
    expect(await pairing.request(named(ada))).toMatch(/^\d{6}$/);
    await pairing.unpair(ada);
    expect(await pairing.pairing(ada)).toBeUndefined();
  });

  it('waits with at most two others, also when all come at the same moment', async () => {
    const codes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => pairing.request(named({ ...ada, userId: String(index) }))),
    );
    expect(codes.filter((code) => code !== undefined)).toHaveLength(3);
    await clock.advance(15 * minute);
    expect(await pairing.request(named({ ...ada, userId: 'next' }))).toMatch(/^\d{6}$/);
  });

  it('cannot use an invitation that an operator would approve', async () => {
    const code = await pairing.generateCode(named(ada));
    await expect(pairing.approve('default', 'telegram', code, 'key:1')).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});

it('forgets what has expired', async () => {
  await pairing.start();
  await pairing.start();
  await pairing.generateCode(named(ada));
  await pairing.verifyCode('1', ada);
  await clock.advance(61 * minute);
  await expect
    .poll(async () => [
      (await storage.db.selectFrom('pairing_codes').select('id').execute()).length,
      (await storage.db.selectFrom('pairing_tries').select('id').execute()).length,
    ])
    .toEqual([0, 0]);
  await pairing.stop();
  await pairing.stop();
  expect(clock.pending).toBe(0);
});
