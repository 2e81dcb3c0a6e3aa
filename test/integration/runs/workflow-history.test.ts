import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { playCassettes } from '../../../src/app/index.ts';
import { defineTool, ToolResult } from '../../../src/capabilities/tools/index.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import { FakeModel, type TestApp } from '../../../src/testing/index.ts';

const workflow = (name: string, spec: string): string =>
  `apiVersion: agent33/v1\nkind: Workflow\nmetadata: { name: ${name} }\nspec:\n${spec}`;

const files = {
  'agents/writer.yaml':
    'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: writer }\nspec: { instructions: Write. }\n',
  'workflows/report.yaml': workflow(
    'report',
    `  inputs: { topic: string }
  steps:
    - { id: draft, action: invoke_agent, inputs: { agent: writer, message: "about {{ inputs.topic }}" } }
    - id: each
      action: transform
      for_each: [3, 1, 2]
      inputs: { template: "{{ item * 2 }}" }
    - { id: nap, action: wait, inputs: { duration: 10ms } }
    - id: tell
      action: call_tool
      depends_on: [draft, each, nap]
      retry: { attempts: 2, backoff: { initial: 5ms } }
      inputs: { tool: tell, arguments: { text: "{{ inputs.topic }}: {{ steps.each.output | length }}" } }
    - { id: end, action: emit_output, depends_on: [tell], inputs: { values: { said: "{{ steps.tell.output.content }}" } } }
`,
  ),
  'workflows/broken.yaml': workflow(
    'broken',
    `  steps:
    - id: fails
      action: call_tool
      inputs: { tool: fail }
    - id: beside
      action: call_tool
      inputs: { tool: linger }
    - { id: after, action: transform, depends_on: [fails, beside], inputs: { template: never } }
`,
  ),
  'workflows/undone.yaml': workflow(
    'undone',
    `  steps:
    - id: book
      action: call_tool
      inputs: { tool: tell, arguments: { text: booked } }
      compensate: { action: call_tool, inputs: { tool: tell, arguments: { text: unbooked } } }
    - { id: fails, action: call_tool, depends_on: [book], inputs: { tool: fail } }
`,
  ),
};

let app: TestApp;
const told: string[] = [];
let failing = true;
const lingering = Promise.withResolvers<void>();

async function json<T>(method: string, address: string, body?: unknown): Promise<T> {
  const answer = await app.request(method, address, body);
  const value = (await answer.json()) as T & { detail?: string };
  if (!answer.ok) throw new Error(`${answer.status}: ${value.detail ?? ''}`);
  return value;
}

async function execute(name: string, inputs: object = {}): Promise<string> {
  const body = { inputs, wait: false };
  return (await json<{ run_id: string }>('POST', `/api/v1/workflows/${name}/execute`, body)).run_id;
}

async function ended(runId: string): Promise<{ status: string; output: unknown; effects: string }> {
  const get = () =>
    json<{ status: string; output: unknown; effects: string }>('GET', `/api/v1/runs/${runId}`);
  await expect
    .poll(async () => (await get()).status, { timeout: 20_000 })
    .not.toMatch(/queued|running|waiting/);
  return get();
}

const replay = (runId: string) =>
  json<{ identical: boolean; difference: unknown }>('POST', `/api/v1/runs/${runId}/replay`, {
    against: 'current',
  });

beforeAll(async () => {
  const tool = (
    name: string,
    effect: 'none' | 'keyed',
    execute: (text: string, signal: AbortSignal) => Promise<ToolResult>,
  ) =>
    defineTool({
      name,
      description: name,
      effect,
      parameters: z.object({ text: z.string().default('') }),
      execute: ({ text }, { signal }) => execute(text, signal),
    });
  app = await createMemoryApp({
    files,
    fakeModel: new FakeModel({
      name: 'fake',
      models: ['model'],
      turns: ['a draft'],
      afterLast: 'repeat-last',
    }),
    app: {
      tools: [
        tool('tell', 'keyed', (text) => {
          told.push(text);
          return Promise.resolve(ToolResult.ok(`told ${text}`));
        }),
        tool('fail', 'none', () =>
          Promise.resolve(failing ? ToolResult.fail('it broke', 'upstream_error') : ToolResult.ok('mended')),
        ),
        tool('linger', 'none', async (_text, signal) => {
          if (!failing) return ToolResult.ok('at once');
          lingering.resolve();
          await new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          });
          return ToolResult.ok('never');
        }),
      ],
    },
  });
});
afterAll(() => app.stop());

describe('workflows afterwards', () => {
  it('are replayed, forked without effects, compared, and play as cassettes', async () => {
    const runId = await execute('report', { topic: 'rain' });
    await ended(runId);
    expect(told).toEqual(['rain: 3']);
    expect(await replay(runId)).toMatchObject({ identical: true, difference: null });

    const { run_id: forkId } = await json<{ run_id: string }>('POST', `/api/v1/runs/${runId}/fork`, {
      from: 'tell',
      set: { 'inputs.topic': 'snow' },
    });
    expect(await ended(forkId)).toMatchObject({ status: 'failed', effects: 'off' });
    expect(told).toEqual(['rain: 3']);
    const { run_id: effective } = await json<{ run_id: string }>('POST', `/api/v1/runs/${runId}/fork`, {
      from: 'tell',
      set: { 'inputs.topic': 'snow' },
      effects: true,
    });
    expect(await ended(effective)).toMatchObject({ status: 'completed', output: { said: 'told snow: 3' } });
    expect(told).toEqual(['rain: 3', 'snow: 3']);
    expect(app.fakeModel.calls).toHaveLength(1);
    const diff = await json<{ steps: { step: string; same: boolean }[] }>(
      'GET',
      `/api/v1/runs/${runId}/diff/${effective}`,
    );
    expect(diff.steps.filter((step) => !step.same).map((step) => step.step)).toEqual(['tell', 'end']);

    const cassette = await json<unknown>('GET', `/api/v1/runs/${runId}/cassette`);
    const folder = await mkdtemp(path.join(tmpdir(), 'agent33-workflow-cassette-'));
    const place = path.join(folder, 'cassettes/report.json');
    for (const [name, text] of [
      ...Object.entries(files),
      ['cassettes/report.json', JSON.stringify(cassette)] as const,
    ]) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), text);
    }
    const play = async () =>
      (await playCassettes({ dir: folder, files: [place], against: 'current', update: false })).results[0];
    expect(await play()).toMatchObject({ status: 'passed', target: 'workflow report', faults: [] });
    await writeFile(
      path.join(folder, 'workflows/report.yaml'),
      files['workflows/report.yaml'].replace('about {{', 'all about {{'),
    );
    expect(await play()).toMatchObject({
      status: 'failed',
      difference: { reason: 'input', step: 'draft' },
      definitionChanges: [{ path: 'spec.steps[0].inputs.message' }],
    });
    await rm(folder, { recursive: true });
  });

  it('are replayed and resumed where a branch was given up beside one that failed', async () => {
    const runId = await execute('broken');
    await lingering.promise;
    expect(await ended(runId)).toMatchObject({ status: 'failed' });
    expect(await replay(runId)).toMatchObject({ identical: true, difference: null });
    failing = false;
    const { run_id: resumed } = await json<{ run_id: string }>('POST', `/api/v1/runs/${runId}/resume`);
    expect(await ended(resumed)).toMatchObject({ status: 'completed' });
    failing = true;
  });

  it('cannot be resumed after they have taken back what they did', async () => {
    told.length = 0;
    const runId = await execute('undone');
    expect(await ended(runId)).toMatchObject({ status: 'failed' });
    expect(told).toEqual(['booked', 'unbooked']);
    expect(await replay(runId)).toMatchObject({ identical: true });
    await expect(json('POST', `/api/v1/runs/${runId}/resume`)).rejects.toThrow(/409.*retry it/);
    failing = false;
    const { run_id: again } = await json<{ run_id: string }>('POST', `/api/v1/runs/${runId}/retry`);
    expect(await ended(again)).toMatchObject({ status: 'completed' });
    expect(told).toEqual(['booked', 'unbooked', 'booked']);
    failing = true;
  });
});
