import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, FakeModel, type TestApp } from '../../../src/testing/index.ts';
import { sseEvents } from '../../../src/testing/http-ground.ts';
import {
  createTestDatabase,
  postgresAvailable,
  type TestDatabase,
} from '../../../src/testing/test-database.ts';

const hasPostgres = await postgresAvailable();
const key = 'a33_runtree_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

const agent = (name: string): string =>
  `apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: ${name} }\nspec: { model: fake/model, description: ${name} }\n`;

const files = {
  'agents/one.yaml': agent('one'),
  'agents/two.yaml': agent('two'),
  'workflows/inner.yaml':
    'apiVersion: agent33/v1\nkind: Workflow\nmetadata: { name: inner }\nspec: { steps: [{ id: w, action: wait, inputs: { signal: never } }] }\n',
  'workflows/outer.yaml':
    'apiVersion: agent33/v1\nkind: Workflow\nmetadata: { name: outer }\nspec: { steps: [{ id: sub, action: run_workflow, inputs: { workflow: inner } }] }\n',
  'teams/both.yaml':
    'apiVersion: agent33/v1\nkind: Team\nmetadata: { name: both }\nspec: { mode: collaborate, members: [one, two], model: fake/model }\n',
  'teams/nested.yaml':
    'apiVersion: agent33/v1\nkind: Team\nmetadata: { name: nested }\nspec: { mode: collaborate, members: [{ team: both }, one], model: fake/model }\n',
};

interface TreeEvent {
  readonly run_id: string;
  readonly sequence: number;
  readonly event: { readonly type: string; readonly status?: string };
}

interface WireTree {
  readonly run_id: string;
  readonly target: { readonly kind: string; readonly name: string };
  readonly status: string;
  readonly children: readonly WireTree[];
}

/** Names of a tree, as they are nested; those that began in one moment have no order. */
const names = ({ target, children }: WireTree): string =>
  children.length === 0 ? target.name : `${target.name}(${children.map(names).toSorted().join(' ')})`;

const told = (body: string): readonly { id: string; told: TreeEvent }[] =>
  sseEvents(body).map(({ id = '', data }) => ({ id, told: JSON.parse(data) as TreeEvent }));

/** One server, and a second one on the same PostgreSQL that executes nothing. */
for (const kind of ['embedded', 'PostgreSQL'] as const)
  describe.skipIf(kind === 'PostgreSQL' && !hasPostgres)(`the tree of a run on the ${kind} database`, () => {
    let database: TestDatabase | undefined;
    let gate = Promise.withResolvers<void>();
    const apps: TestApp[] = [];

    const model = (): FakeModel =>
      new FakeModel({
        name: 'fake',
        models: ['model'],
        afterLast: 'repeat-last',
        turns: [
          async () => {
            await gate.promise;
            return 'said';
          },
        ],
      });

    beforeAll(async () => {
      database = kind === 'PostgreSQL' ? await createTestDatabase() : undefined;
      const env = {
        AGENT33_BOOTSTRAP_KEY: key,
        ...(database === undefined ? {} : { DATABASE_URL: database.url }),
      };
      apps.push(await createTestApp({ fakeModel: model(), env, files }));
      if (database !== undefined)
        apps.push(
          await createTestApp({ fakeModel: model(), env: { ...env, AGENT33_WORKER: 'false' }, files }),
        );
    });
    afterAll(async () => {
      await Promise.all(apps.map((app) => app.stop()));
      await database?.drop();
    });

    const any = (): TestApp => apps.at(-1) as TestApp;
    const json = async <T>(address: string): Promise<T> =>
      (await (await any().request('GET', address)).json()) as T;

    /** Starts the nested team and resolves with its run when its innermost members are at work. */
    async function start(): Promise<{ runId: string; answer: Promise<Response> }> {
      gate = Promise.withResolvers<void>();
      const before = (await json<{ items: { id: string }[] }>('/api/v1/runs?target=nested')).items.length;
      const answer = any().request('POST', '/api/v1/teams/nested/invoke', { message: 'go' });
      const list = async () => (await json<{ items: { id: string }[] }>('/api/v1/runs?target=nested')).items;
      await expect.poll(async () => (await list()).length).toBe(before + 1);
      return { runId: (await list())[0]?.id ?? '', answer };
    }

    it('is streamed as one, from before its runs began to its end, to whoever watches', async () => {
      const { runId, answer } = await start();
      const watched = apps.map(async (app) =>
        (await app.request('GET', `/api/v1/runs/${runId}/events?tree=true`)).text(),
      );
      await expect
        .poll(async () => (await json<{ items: object[] }>(`/api/v1/runs?root=${runId}`)).items.length)
        .toBe(4);
      gate.resolve();
      expect(await (await answer).json()).toMatchObject({ team: 'nested', status: 'completed' });

      const after = (await any().request('GET', `/api/v1/runs/${runId}/events?tree=true`)).text();
      for (const [index, body] of (await Promise.all([after, ...watched])).entries()) {
        const events = told(body).map((one) => one.told);
        const byRun = Map.groupBy(events, (one) => one.run_id);
        expect(byRun.size).toBe(5);
        for (const own of byRun.values()) {
          expect(own.map((one) => one.sequence)).toEqual(own.map((_one, place) => place + 1));
          expect(own[0]?.event.type).toBe('run-start');
          expect(own.at(-1)?.event).toMatchObject({ type: 'run-end', status: 'completed' });
        }
        // Who watches from another process hears of the runs in the order in which they become known there.
        if (index === 0) expect(events[0]?.run_id).toBe(runId);
        expect(events.at(-1)).toMatchObject({ run_id: runId, event: { type: 'run-end' } });
      }
    });

    it('goes on where a watcher was, with nothing twice and nothing left out', async () => {
      const { runId, answer } = await start();
      gate.resolve();
      await answer;
      const address = `/api/v1/runs/${runId}/events?tree=true`;
      const all = told(await (await any().request('GET', address)).text());
      const places = all.map(({ told: { run_id: run, sequence } }) => `${run}:${sequence}`);
      for (const cut of [0, 3, Math.floor(all.length / 2), all.length - 2]) {
        const headers = { 'last-event-id': all[cut]?.id ?? '' };
        const rest = told(await (await any().request('GET', address, undefined, headers)).text());
        const seen = new Set([
          ...places.slice(0, cut + 1),
          ...rest.map(({ told: { run_id: run, sequence } }) => `${run}:${sequence}`),
        ]);
        expect(seen.size).toBe(all.length);
        expect(rest).toHaveLength(all.length - cut - 1);
      }
      // After the end nothing is left to wait for.
      const headers = { 'last-event-id': all.at(-1)?.id ?? '' };
      expect(await (await any().request('GET', address, undefined, headers)).text()).toBe('');
      expect((await any().request('GET', address, undefined, { 'last-event-id': 'x y' })).status).toBe(400);
      expect((await any().request('GET', '/api/v1/runs/none/events?tree=true')).status).toBe(404);
    });

    it.each(['cancel', 'deadline'])(
      'tells the end of every run where one that waits is ended from outside: %s',
      async (how) => {
        const app = apps[0] as TestApp;
        const started = await app.request('POST', '/api/v1/workflows/outer/execute', {
          wait: false,
          ...(how === 'deadline' ? { timeout: 1 } : {}),
        });
        const { run_id: runId } = (await started.json()) as { run_id: string };
        const statuses = async (): Promise<string> => {
          const { root: tree } = await json<{ root: WireTree }>(`/api/v1/runs/${runId}/tree`);
          return [tree.status, ...tree.children.map((child) => child.status)].join(' ');
        };
        if (how === 'cancel') {
          await expect.poll(statuses, { timeout: 10_000 }).toBe('waiting waiting');
          await app.request('POST', `/api/v1/runs/${runId}/cancel`);
        }
        const status = how === 'cancel' ? 'cancelled' : 'timeout';
        await expect.poll(statuses, { timeout: 20_000 }).toBe(`${status} ${status}`);
        const [child] = (await json<{ items: { id: string }[] }>(`/api/v1/runs?parent=${runId}`)).items;
        for (const one of [runId, child?.id]) {
          const events = told(await (await app.request('GET', `/api/v1/runs/${one}/events`)).text());
          const last = events
            .map((event) => event.told as unknown as { type: string; status: string })
            .at(-1);
          expect(last).toMatchObject({ type: 'run-end', status });
        }
      },
    );

    it('is shown nested, while it runs and afterwards, and listed by parent and root', async () => {
      const { runId, answer } = await start();
      const tree = async (id = runId): Promise<WireTree> =>
        (await json<{ root: WireTree }>(`/api/v1/runs/${id}/tree`)).root;
      const whole = 'nested(both(one two) one)';
      await expect.poll(async () => names(await tree())).toEqual(whole);
      expect((await tree()).status).toBe('running');
      gate.resolve();
      await answer;
      expect(await tree()).toMatchObject({ status: 'completed', children: [{ status: 'completed' }, {}] });
      const inner = (await tree()).children.find(({ target }) => target.name === 'both')?.run_id ?? '';
      expect(names(await tree(inner))).toBe('both(one two)');
      const count = async (query: string): Promise<number> =>
        (await json<{ items: object[] }>(`/api/v1/runs?${query}`)).items.length;
      expect(await count(`parent=${runId}`)).toBe(2);
      expect(await count(`parent=${inner}`)).toBe(2);
      expect(await count(`root=${runId}`)).toBe(4);
      expect(await count(`root=${runId}&target_kind=team`)).toBe(1);
      expect(await count(`root=${runId}&target_kind=agent&target=one`)).toBe(2);
    });

    it('is drawn: members side by side, then the synthesis, with the runs that do it', async () => {
      const { runId, answer } = await start();
      type Graph = {
        nodes: { id: string; label: string; kind: string; status: string; run_id?: string }[];
        edges: { from: string; to: string; kind: string }[];
        status: string;
      };
      const graph = () => json<Graph>(`/api/v1/runs/${runId}/graph`);
      await expect
        .poll(async () => (await graph()).nodes.filter((node) => node.status === 'running').length)
        .toBe(2);
      gate.resolve();
      await answer;
      const { nodes, edges, status } = await graph();
      expect(status).toBe('completed');
      const runs = nodes.filter((node) => node.kind === 'run');
      expect(runs.map((node) => node.label).toSorted()).toEqual(['both', 'one']);
      expect(runs.every((node) => node.run_id?.startsWith('run_'))).toBe(true);
      const synthesis = nodes.find((node) => node.kind === 'model')?.id;
      expect(new Set(edges.filter(({ to }) => to === synthesis).map(({ from }) => from))).toEqual(
        new Set(runs.map((node) => node.id)),
      );
      expect(
        edges.filter(
          ({ from, to }) => runs.some((one) => one.id === from) && runs.some((one) => one.id === to),
        ),
      ).toEqual([]);
    });
  });
