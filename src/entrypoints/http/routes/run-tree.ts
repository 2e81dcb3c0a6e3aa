import { z } from 'zod';
import { graphOfJournal, type RunView } from '../../../engine/runs/index.ts';
import { runStatuses } from '../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { graphToWire, wireGraphParts } from '../wire-graph.ts';
import { usageToWire, wireUsage } from '../wire.ts';

const tags = ['runs'];
const byId = z.strictObject({ id: z.string().min(1).max(100) });
const time = z.string().nullable().describe('ISO 8601, UTC.');
/** More runs than these are not drawn. */
const mostRuns = 10_000;

const wireGraph = z
  .object({
    run_id: z.string(),
    target: z.object({ kind: z.string(), name: z.string() }),
    status: z.enum(runStatuses),
    ...wireGraphParts,
  })
  .meta({ id: 'RunGraph' });

interface WireTree {
  run_id: string;
  target: { kind: string; name: string };
  status: (typeof runStatuses)[number];
  step: string | null;
  usage: z.output<typeof wireUsage>;
  error: { code: string; message: string } | null;
  waiting_for: string[];
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  children: WireTree[];
}

const wireTree: z.ZodType<WireTree> = z
  .object({
    run_id: z.string(),
    target: z.object({ kind: z.string(), name: z.string() }),
    status: z.enum(runStatuses),
    step: z.string().nullable().describe('Step of the parent that it belongs to.'),
    usage: wireUsage.describe('Of the run with those below it.'),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    waiting_for: z.array(z.string()),
    created_at: z.string(),
    started_at: time,
    ended_at: time,
    get children() {
      return z.array(wireTree);
    },
  })
  .meta({ id: 'RunTree' });

/** Nests runs that come with parents before their children. */
function nest(runs: readonly RunView[]): WireTree | undefined {
  const byRun = new Map<string, WireTree>();
  for (const run of runs) {
    const node: WireTree = {
      run_id: run.id,
      target: run.target,
      status: run.status,
      step: run.parentStepKey,
      usage: usageToWire(run.usage),
      error: run.error === null ? null : { code: run.error.code, message: run.error.message },
      waiting_for: [...run.waitingFor],
      created_at: run.createdAt,
      started_at: run.startedAt,
      ended_at: run.endedAt,
      children: [],
    };
    byRun.set(run.id, node);
    if (run.parentRunId !== null) byRun.get(run.parentRunId)?.children.push(node);
  }
  const [root] = byRun.values();
  return root;
}

/** What a run is made of: its graph, and the runs below it. */
export function addRunTreeRoutes(app: HttpApp, deps: RouteDeps): void {
  const { runStore, runGraphs } = deps;

  app.get(
    '/api/v1/runs/:id/graph',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'What a run does, to be drawn: nodes, edges, states, times',
        params: byId,
        response: { 200: wireGraph },
      },
    },
    async (request) => {
      const { scope, params } = request;
      const run = await runStore.get(scope, params.id);
      const [definition, steps, children] = await Promise.all([
        runStore.definition(scope, run.id),
        runStore.progress(scope, run.id),
        runStore.children(scope, run.id),
      ]);
      const graph = (runGraphs[run.target.kind] ?? graphOfJournal)({
        run,
        definition,
        steps,
        children,
      });
      return {
        run_id: run.id,
        target: run.target,
        status: run.status,
        ...graphToWire(graph),
      };
    },
  );

  app.get(
    '/api/v1/runs/:id/tree',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'A run and the runs below it, nested',
        params: byId,
        response: {
          200: z.object({
            root: wireTree,
            truncated: z.boolean().describe(`There are more than ${mostRuns} runs.`),
          }),
        },
      },
    },
    async (request) => {
      const { runs, truncated } = await runStore.tree(request.scope, request.params.id, { limit: mostRuns });
      return { root: nest(runs) as WireTree, truncated };
    },
  );
}
