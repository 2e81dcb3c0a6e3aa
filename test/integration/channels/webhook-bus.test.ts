import { expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { RedisBus } from '../../../src/platform/bus/index.ts';
import { createRedis, createRedisSubscriber } from '../../../src/platform/redis/index.ts';
import { createTestApp } from '../../../src/testing/create-test-app.ts';
import { createTestPrefix, redisAvailable, testRedisUrl } from '../../../src/testing/test-redis.ts';

const secret = 'the-secret-of-the-hook';
const files = {
  'workflows/deploy.yaml':
    'apiVersion: agent33/v1\nkind: Workflow\nmetadata: { name: deploy }\nspec: { inputs: { name: string }, steps: [ { id: say, action: transform, inputs: { template: ok } } ] }\n',
  'sensors/push.yaml':
    'apiVersion: agent33/v1\nkind: Sensor\nmetadata: { name: push }\nspec: { type: event, config: { name: "external.>" }, start: { workflow: deploy }, inputs: { name: "{{ event.name }}" } }\n',
  'channels/tracker.yaml': `apiVersion: agent33/v1\nkind: Channel\nmetadata: { name: tracker }\nspec: { platform: webhook, signature: { scheme: token, secret: ${secret} }, publish: "external.tracker.{{ body.kind }}" }\n`,
};

it.skipIf(!(await redisAvailable()))(
  'an event of a webhook is told on the bus once, and the platform does not take in what it told (skipped without Redis)',
  async () => {
    const { prefix, remove } = createTestPrefix();
    const bus = new RedisBus({
      clock,
      logger,
      redis: createRedis(testRedisUrl, { clock, logger }),
      subscriber: createRedisSubscriber(testRedisUrl, { clock, logger }),
      prefix: `${prefix}agent33:bus:`,
    });
    await bus.start();
    const heard: unknown[] = [];
    await bus.subscribe('external.>', (payload, { subject }) => {
      heard.push([subject, payload]);
      return Promise.resolve();
    });
    const app = await createTestApp({
      env: { REDIS_URL: testRedisUrl, REDIS_STREAM_PREFIX: prefix },
      files,
    });
    const call = async (body: unknown): Promise<number> => {
      const response = await fetch(new URL('/webhooks/webhook/tracker', app.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
        body: JSON.stringify(body),
      });
      await response.text();
      return response.status;
    };
    const started = async (): Promise<readonly string[]> => {
      const response = await app.request('GET', '/api/v1/runs?target=deploy&target_kind=workflow');
      const { items } = (await response.json()) as { items: { id: string }[] };
      const names = items.map(async ({ id }) => {
        const { input } = (await (await app.request('GET', `/api/v1/runs/${id}`)).json()) as {
          input: { name: string };
        };
        return input.name;
      });
      return (await Promise.all(names)).toSorted();
    };
    try {
      expect(await call({ id: 7, kind: 'bug' })).toBe(202);
      await expect.poll(() => heard).toHaveLength(1);
      expect(heard).toEqual([
        ['external.tracker.bug', { id: 7, kind: 'bug', agent33_event_id: expect.stringMatching(/./) }],
      ]);
      // What another program says counts; it is heard after what the platform has told before it.
      await bus.publish('external.tracker.fix', { id: 8 });
      await expect.poll(started, { timeout: 30_000 }).toContain('external.tracker.fix');
      expect(await started()).toEqual(['external.tracker.bug', 'external.tracker.fix']);
      expect(heard).toHaveLength(2);
    } finally {
      await app.stop();
      await bus.stop();
      await remove();
    }
  },
);
