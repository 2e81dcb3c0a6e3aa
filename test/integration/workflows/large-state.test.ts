import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineStepAction, z } from '../../../src/index.ts';
import { createTestApp, type TestApp } from '../../../src/testing/index.ts';
import {
  createTestDatabase,
  postgresAvailable,
  type TestDatabase,
} from '../../../src/testing/test-database.ts';

const mib = 1024 * 1024;
const workflow = (name: string, size: number, count: number): string =>
  JSON.stringify({
    apiVersion: 'agent33/v1',
    kind: 'Workflow',
    metadata: { name },
    spec: {
      steps: [
        {
          id: 'parts',
          action: 'make_text',
          for_each: { items: `{{ range(${count})|list }}`, concurrency: 4 },
          inputs: { bytes: size },
        },
        { id: 'whole', action: 'transform', inputs: { expression: 'steps.parts.output|length' } },
      ],
    },
  });

const makeText = defineStepAction({
  name: 'make_text',
  description: 'Makes a text of a size.',
  inputs: z.strictObject({ bytes: z.number() }),
  output: z.string(),
  kind: 'compute',
  effect: 'none',
  run: ({ inputs }) => 'x'.repeat(inputs.bytes),
});

interface Run {
  readonly status: string;
  readonly error: { readonly code: string; readonly message: string } | null;
}

const hasPostgres = await postgresAvailable();

describe.each(['embedded', 'PostgreSQL'] as const)(
  'a workflow of 100 MB of state on the %s database',
  (kind) => {
    describe.skipIf(kind === 'PostgreSQL' && !hasPostgres)('over HTTP', () => {
      let database: TestDatabase | undefined;
      let app: TestApp;
      beforeAll(async () => {
        database = kind === 'PostgreSQL' ? await createTestDatabase() : undefined;
        app = await createTestApp({
          env: database === undefined ? {} : { DATABASE_URL: database.url },
          app: { actions: [makeText] },
          files: {
            'workflows/parts.json': workflow('parts', mib, 100),
            'workflows/inline.json': workflow('inline', 60 * 1024, 1700),
            'workflows/small.json': workflow('small', 10, 3),
          },
        });
      });
      afterAll(async () => {
        await app.stop();
        await database?.drop();
      });

      const run = async (name: string): Promise<Run> => {
        const response = await app.request('POST', `/api/v1/workflows/${name}/execute`, {
          inputs: {},
          wait: false,
        });
        const { run_id: id } = (await response.json()) as { run_id: string };
        const look = async (): Promise<Run> =>
          (await (await app.request('GET', `/api/v1/runs/${id}`)).json()) as Run;
        await expect
          .poll(async () => (await look()).status, { timeout: 100_000, interval: 50 })
          .toMatch(/^(completed|failed)$/);
        return look();
      };

      // Of large outputs, which are blobs, and of small ones, whose records the run does not wait for.
      it.each(['parts', 'inline'])('is refused with the limit (%s), and the server goes on', async (name) => {
        const before = process.memoryUsage().rss;
        let most = before;
        const look = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
        const { status, error } = await run(name);
        clearInterval(look);
        expect(status).toBe('failed');
        expect(error?.code).toBe('limit_exceeded');
        expect(error?.message).toMatch(
          /step "parts(\[\d+\])?".*limits\.max_?[sS]tate_?[bB]ytes is 67,108,864 bytes/,
        );
        expect(most - before).toBeLessThan(600 * mib);
        expect(await run('small')).toMatchObject({ status: 'completed', error: null });
      });
    });
  },
);
