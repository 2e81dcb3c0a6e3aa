import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/base/index.ts';
import { defineStepAction, z } from '../../../src/index.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/index.ts';

const workflow = (name: string, spec: string): string =>
  `apiVersion: agent33/v1\nkind: Workflow\nmetadata: {name: ${name}}\nspec:\n${spec.replaceAll(/^/gm, '  ')}`;

const files = {
  'agent33.yaml': `
apiVersion: agent33/v1
kind: Project
metadata: { name: test }
spec:
  models: { default: fake/model }
  commands: { allow: [printf, sleep] }
`,
  'agents/writer.yaml': `
apiVersion: agent33/v1
kind: Agent
metadata: { name: writer }
spec: { instructions: "Write about {{ subject }}." }
`,
  'workflows/report.yaml': workflow(
    'report',
    `
inputs: {topic: string, copies: {type: integer, default: 2}}
steps:
  - {id: left, action: transform, inputs: {expression: "inputs.topic|upper"}}
  - {id: right, action: transform, inputs: {jsonata: "$sum([1..inputs.copies])"}}
  - id: write
    action: invoke_agent
    inputs: {agent: writer, message: "About {{ steps.left.output }} {{ steps.right.output }}", variables: {subject: bees}}
  - id: sure
    action: approval
    inputs: {title: "Send {{ steps.write.output.text }}?"}
  - id: print
    action: run_command
    for_each: {items: "[1, 2, 3]", concurrency: 2}
    inputs: {command: [printf, "%s", "{{ steps.sure.output.decided_by }} {{ item }}"]}
    depends_on: [sure]
  - id: tell
    action: publish_event
    inputs: {name: report.sent, payload: {topic: "{{ inputs.topic }}"}}
    depends_on: [print]
outputs: {text: "{{ steps.write.output.text }}", printed: "{{ steps.print.output[2].stdout }}", told: "{{ steps.tell.output.delivered }}"}
`,
  ),
  'workflows/listener.yaml': workflow(
    'listener',
    `
steps:
  - {id: pause, action: wait, inputs: {duration: 50ms}}
  - {id: news, action: wait, inputs: {event: report.sent, timeout: 1m}, depends_on: [pause]}
  - {id: go, action: wait, inputs: {signal: go, timeout: 1m}}
  - {id: outer, action: run_workflow, inputs: {workflow: echo, inputs: {value: "{{ steps.news.output.payload.topic }} {{ steps.go.output.payload.n }}"}}}
`,
  ),
  'workflows/echo.yaml': workflow(
    'echo',
    'inputs: {value: string}\nsteps: [{id: a, action: keep, inputs: {value: "{{ inputs.value }}"}}]',
  ),
  'workflows/orphan.yaml': workflow(
    'orphan',
    'steps: [{id: a, action: invoke_agent, inputs: {agent: wroter, message: hi}}]',
  ),
  'workflows/slow.yaml': workflow(
    'slow',
    `
steps:
  - {id: sleeps, action: run_command, inputs: {command: [sleep, "60"]}}
  - {id: fails, action: validate, inputs: {value: 1, schema: {type: string}}, depends_on: [first]}
  - {id: first, action: wait, inputs: {duration: 20ms}}
`,
  ),
};

let app: TestApp;
beforeAll(async () => {
  const keep = defineStepAction({
    name: 'keep',
    description: 'An action that the program around the server brings.',
    inputs: z.strictObject({ value: z.string() }),
    output: z.string(),
    kind: 'compute',
    effect: 'none',
    run: ({ inputs }) => inputs.value,
  });
  app = await createMemoryApp({ files, env: { PATH: process.env['PATH'] ?? '' }, app: { actions: [keep] } });
});
afterAll(() => app.stop());

async function call(
  method: string,
  address: string,
  body?: unknown,
): Promise<{ status: number; body: JsonObject }> {
  const response = await app.request(method, address, body);
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as JsonObject };
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what} did not come`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

const start = async (name: string, inputs: JsonObject = {}): Promise<string> => {
  const { status, body } = await call('POST', `/api/v1/workflows/${name}/execute`, { inputs, wait: false });
  expect(status, JSON.stringify(body)).toBe(202);
  return String(body['run_id']);
};
const ended = (runId: string) =>
  until(`the end of ${runId}`, async () => {
    const { body } = await call('GET', `/api/v1/runs/${runId}`);
    return ['completed', 'failed', 'cancelled', 'timeout'].includes(String(body['status']))
      ? body
      : undefined;
  });
const waitsFor = (runId: string, key: string) =>
  until(`${runId} to wait for ${key}`, async () => {
    const { body } = await call('GET', `/api/v1/runs/${runId}`);
    return body['status'] === 'waiting' && JSON.stringify(body['waiting_for']).includes(`"${key}"`)
      ? body
      : undefined;
  });
const nodes = async (runId: string): Promise<Record<string, unknown>> => {
  const { body } = await call('GET', `/api/v1/runs/${runId}/graph`);
  const list = body['nodes'] as unknown as { id: string; status: string }[];
  return Object.fromEntries(list.map((node) => [node.id, node.status]));
};

describe('workflows on a server', () => {
  it('go through agents, people, commands, events and signals, and are drawn as they go', async () => {
    const listener = await start('listener');
    const report = await start('report', { topic: 'bees' });
    await waitsFor(listener, 'news');
    await waitsFor(report, 'sure');
    expect(await nodes(report)).toEqual({
      left: 'completed',
      right: 'completed',
      write: 'completed',
      sure: 'waiting',
      print: 'pending',
      tell: 'pending',
    });
    expect(
      (await call('POST', `/api/v1/runs/${listener}/signals/go`, { payload: { n: 7 } })).status,
    ).toBeLessThan(300);
    const { body: pending } = await call('GET', '/api/v1/approvals?status=pending');
    const [asked] = pending['items'] as unknown as { id: string; title: string }[];
    expect(asked?.title).toMatch(/^Send .*\?$/);
    const decision = await call('POST', `/api/v1/approvals/${asked?.id}/decision`, { decision: 'approve' });
    expect(decision.status, JSON.stringify(decision.body)).toBe(200);
    const run = await ended(report);
    expect(run, JSON.stringify(run['error'])).toMatchObject({
      status: 'completed',
      output: { printed: expect.stringMatching(/^key:.* 3$/), told: 1 },
    });
    const heard = await ended(listener);
    expect(heard, JSON.stringify(heard['error'])).toMatchObject({ status: 'completed', output: 'bees 7' });
    expect(await nodes(listener)).toEqual({
      pause: 'completed',
      news: 'completed',
      go: 'completed',
      outer: 'completed',
    });
  });

  it('refuses wrong inputs before there is a run', async () => {
    const before = await call('GET', '/api/v1/runs?limit=1');
    const { status, body } = await call('POST', '/api/v1/workflows/report/execute', {
      inputs: { topik: 'x' },
    });
    expect(status).toBe(400);
    expect(body['detail']).toMatch(/inputs\.topic: is missing/);
    expect((await call('GET', '/api/v1/runs?limit=1')).body).toEqual(before.body);
  });

  it('refuses a workflow that names what is not there, before there is a run', async () => {
    const { status, body } = await call('POST', '/api/v1/workflows/orphan/execute', {});
    expect(status).toBe(422);
    expect(body['detail']).toMatch(
      /spec\.steps\.0\.inputs\.agent: there is no agent "wroter" — did you mean "writer"/,
    );
  });

  it('finishes on the definition it began with', async () => {
    const spec = (text: string) => ({
      apiVersion: 'agent33/v1',
      kind: 'Workflow',
      metadata: { name: 'versioned' },
      spec: {
        steps: [
          { id: 'hold', action: 'wait', inputs: { signal: 'on' } },
          { id: 'say', action: 'transform', inputs: { template: text }, dependsOn: ['hold'] },
        ],
      },
    });
    expect((await call('POST', '/api/v1/workflows', spec('first'))).status).toBe(201);
    const run = await start('versioned');
    await waitsFor(run, 'hold');
    expect((await call('PUT', '/api/v1/workflows/versioned', spec('second'))).status).toBe(200);
    await call('POST', `/api/v1/runs/${run}/signals/on`, { payload: null });
    expect(await ended(run)).toMatchObject({ status: 'completed', output: 'first' });
  });

  it('stop what is under way when a step fails, and say which', async () => {
    const began = performance.now();
    const { status, body } = await call('POST', '/api/v1/workflows/slow/execute', {});
    expect(status).toBe(400);
    expect(body['detail']).toMatch(/^step "fails": the value is not valid/);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(await nodes(String((body['details'] as JsonObject)['run_id']))).toEqual({
      sleeps: 'cancelled',
      fails: 'failed',
      first: 'completed',
    });
  });
});
