import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { encodings, entryFields } from '../../../src/testing/faststream-entry.ts';
import { redisServerAvailable } from './own-redis.ts';
import { requestEvent, StreamGround } from './stream-ground.ts';

const possible = (await postgresAvailable()) && redisServerAvailable();
const replies = 'agent:responses:discord:123';

describe.skipIf(!possible)('agent:requests (skipped without PostgreSQL and redis-server)', () => {
  let ground: StreamGround;
  beforeEach(async () => {
    ground = await StreamGround.open();
  });
  afterEach(() => ground.close());

  const add = (id: string, fields: Readonly<Record<string, unknown>> = {}, encoding = encodings[1]) =>
    ground.redis.client.xadd(
      'agent:requests',
      '*',
      ...entryFields(encoding ?? 'json', requestEvent(id, fields), { correlation_id: `c-${id}` }),
    );

  it('answers what FastStream writes, in every encoding, in order, and where it was asked to', async () => {
    // Written before anybody reads.
    for (const [index, encoding] of encodings.entries()) await add(`e${index}`, {}, encoding);
    await add('other', { reply_stream: 'my:answers', source_id: '456', session_id: 'discord:456' });
    await ground.serve();
    const answers = await ground.untilAnswers(replies, encodings.length);
    expect(answers.map(({ request_id: id }) => id)).toEqual(encodings.map((_one, index) => `e${index}`));
    expect(answers[0]).toMatchObject({
      content: expect.stringContaining('say e0') as unknown,
      content_type: 'text',
      status: 'completed',
      error_message: null,
      agent_id: 'echo',
      tokens_used: 15,
      metadata: { guild_id: '9' },
    });
    expect((await ground.untilAnswers('my:answers', 1))[0]).toMatchObject({ request_id: 'other' });
    expect(await ground.untilAnswers('agent:responses:discord:456', 1)).toHaveLength(1);
    const [entry] = await ground.redis.client.xrange(replies, '-', '+');
    const { headers } = JSON.parse(entry?.[1][1] ?? '') as { headers: Record<string, string> };
    expect(headers).toMatchObject({
      correlation_id: 'c-e0',
      message_id: answers[0]?.id,
      'content-type': 'application/json',
    });
    const events = await ground.redis.client.xrange('agent:events', '-', '+');
    expect(events.map(([, fields]) => fields[1]).join('\n')).toContain('agent.events.completed');
    await vi.waitUntil(async () => (await ground.acknowledged()) === encodings.length + 1);
  });

  it('runs a request once, however often it is written', async () => {
    for (let round = 0; round < 3; round += 1) await add('same');
    await ground.serve();
    await add('same');
    await add('last');
    await ground.untilAnswers(replies, 2);
    await vi.waitUntil(async () => (await ground.acknowledged()) === 5);
    // They share no session, and within one millisecond nothing tells their rows apart.
    expect((await ground.accepted()).toSorted()).toEqual(['last', 'same']);
  });

  it('puts aside what can never be run, with the reason, and tells its producer', async () => {
    await ground.redis.client.xadd('agent:requests', '*', '__data__', 'no json');
    await ground.redis.client.xadd('agent:requests', '*', '__data__', Buffer.from([0xff, 0xfe]));
    await ground.redis.client.xadd('agent:requests', '*', 'unrelated', 'fields');
    await add('nobody', { agent_id: 'missing' });
    await add('loop', { reply_stream: 'agent:requests' });
    await add('fine');
    await ground.serve();
    const answers = await ground.untilAnswers(replies, 2);
    expect(answers.find(({ request_id: id }) => id === 'nobody')).toMatchObject({
      status: 'error',
      content_type: 'error',
      error_message: expect.stringContaining('missing') as unknown,
    });
    expect(answers.find(({ request_id: id }) => id === 'fine')).toMatchObject({ status: 'completed' });
    const dead = await vi.waitUntil(async () => {
      const entries = await ground.redis.client.xrange('agent:dead', '-', '+');
      return entries.length === 5 ? entries : undefined;
    });
    const reasons = dead.map(([, fields]) => {
      const { data } = JSON.parse(fields[1] ?? '') as { data: string };
      return (JSON.parse(data) as { reason: string }).reason;
    });
    expect(reasons).toEqual([
      'the body is no JSON',
      'the body is no UTF-8 text',
      expect.stringContaining('source'),
      expect.stringContaining('missing'),
      expect.stringContaining('reply_stream'),
    ]);
    await vi.waitUntil(async () => (await ground.acknowledged()) === 6);
  });

  it.each(['batch-begin', 'batch-before-commit', 'batch-after-commit'])(
    'loses nothing and doubles nothing when it is killed at %s',
    async (failpoint) => {
      const ids = Array.from({ length: 40 }, (_unused, index) => `k${String(index).padStart(2, '0')}`);
      for (const id of ids.slice(0, 20)) await add(id);
      const first = await ground.serve(failpoint);
      await vi.waitUntil(() => first.exitCode !== null || first.signalCode !== null, { timeout: 30_000 });
      // Nothing is acknowledged that is not in the inbox.
      expect(await ground.acknowledged()).toBeLessThanOrEqual((await ground.accepted()).length);
      for (const id of ids.slice(20)) await add(id);
      await ground.serve();
      const answers = await ground.untilAnswers(replies, ids.length);
      expect(answers.map(({ request_id: id }) => id)).toEqual(ids);
      expect((await ground.accepted()).toSorted()).toEqual(ids);
      await vi.waitUntil(async () => (await ground.acknowledged()) === 40);
    },
  );

  it('keeps the order of a session over kills of either of two processes', async () => {
    const sessions = ['a', 'b', 'c', 'd'];
    let servers = [await ground.serve(), await ground.serve()];
    for (let round = 0; round < 20; round += 1) {
      for (const session of sessions)
        await add(`${session}${String(round).padStart(2, '0')}`, {
          source_id: session,
          session_id: `discord:${session}`,
          reply_stream: `agent:responses:discord:${session}`,
        });
      if (round % 7 === 6) {
        const [victim, survivor] = servers;
        if (victim === undefined || survivor === undefined) throw new Error('two servers were started');
        await ground.kill(victim);
        servers = [survivor, await ground.serve()];
      }
    }
    for (const session of sessions) {
      const answers = await ground.untilAnswers(`agent:responses:discord:${session}`, 20, 90_000);
      expect(answers.map(({ request_id: id }) => id)).toEqual(
        Array.from({ length: 20 }, (_unused, round) => `${session}${String(round).padStart(2, '0')}`),
      );
    }
  });

  it('goes on after Redis was killed and came back, and after it was wiped', async () => {
    await ground.serve();
    await add('before');
    await ground.untilAnswers(replies, 1);
    await ground.redis.kill();
    await ground.redis.restart();
    await add('restarted');
    await vi.waitUntil(async () => (await ground.accepted()).length === 2, { timeout: 40_000 });
    await ground.untilAnswers(replies, 2);
    await ground.redis.client.flushall();
    await add('wiped');
    await vi.waitUntil(async () => (await ground.accepted()).length === 3, { timeout: 40_000 });
    // What was accepted is answered, and the answers that the wipe took are in the database.
    expect((await ground.untilAnswers(replies, 1)).map(({ request_id: id }) => id)).toEqual(['wiped']);
  });
});
