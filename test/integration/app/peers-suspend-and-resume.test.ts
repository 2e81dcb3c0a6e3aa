import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminKey, CrashGround, type ModelQuestion, type ModelSaying } from '../crash/crash-ground.ts';

// What users of other products have reported of suspended runs, as scenarios. The numbers are of public issues.

const definition = (kind: string, name: string, spec: unknown): string =>
  JSON.stringify({ apiVersion: 'agent33/v1', kind, metadata: { name }, spec });
const effect = (id: string, more: object = {}) => ({
  id,
  action: 'call_tool',
  inputs: { tool: 'effect', arguments: { note: id } },
  ...more,
});
const asClerk = (id: string, more: object = {}) => ({
  id,
  action: 'invoke_agent',
  inputs: { agent: 'clerk', message: `${id} {{ inputs.run }}` },
  ...more,
});

const files: Readonly<Record<string, string>> = {
  // Every call of its tool is asked about.
  'agents/clerk.json': definition('Agent', 'clerk', {
    model: 'openai/clerk',
    tools: [{ name: 'effect', approval: 'always' }],
  }),
  'agents/chief.json': definition('Agent', 'chief', { model: 'openai/chief' }),
  'teams/press.json': definition('Team', 'press', {
    mode: 'coordinate',
    members: ['clerk'],
    lead: 'chief',
  }),
  'workflows/three.json': definition('Workflow', 'three', {
    inputs: { run: 'string' },
    steps: [
      asClerk('one'),
      asClerk('two'),
      asClerk('three'),
      effect('after', { dependsOn: ['one', 'two', 'three'] }),
    ],
    outputs: {
      text: '{{ steps.one.output.text }}, {{ steps.two.output.text }}, {{ steps.three.output.text }}',
    },
  }),
  'workflows/large.json': definition('Workflow', 'large', {
    inputs: { run: 'string' },
    steps: [
      effect('grow', { forEach: { items: Array.from({ length: 30 }, (_, index) => index) } }),
      asClerk('large', { dependsOn: ['grow'] }),
    ],
    outputs: { text: '{{ steps.large.output.text }}' },
  }),
  'workflows/nested.json': definition('Workflow', 'nested', {
    inputs: { run: 'string' },
    steps: [
      effect('before'),
      {
        id: 'press',
        action: 'invoke_team',
        dependsOn: ['before'],
        inputs: { team: 'press', message: 'twice {{ inputs.run }}' },
      },
      effect('after', { dependsOn: ['press'] }),
    ],
    outputs: { text: '{{ steps.press.output.text }}' },
  }),
};

/** The clerk makes one call, or two one after the other; the chief lets it. */
function think({ model, messages }: ModelQuestion): ModelSaying {
  const text = messages.find((message) => message.role === 'user')?.content ?? '';
  const results = messages.filter((message) => message.role === 'tool');
  if (model.endsWith('chief'))
    return results.length === 0 ? { call: 'ask_clerk', arguments: { message: text } } : 'the clerk is done';
  const calls = text.startsWith('twice') ? 2 : 1;
  if (results.length < calls)
    return { call: 'effect', arguments: { note: `${text} ${results.length + 1}`.trim() } };
  return `${text}: ${results.map((one) => (one.content.startsWith('done') ? 'done' : 'not made')).join(', ')}`;
}

interface Asked {
  readonly id: string;
  readonly run_id: string;
  readonly status: string;
  readonly subject: { readonly arguments: { readonly note: string } };
}
interface Run {
  readonly id: string;
  readonly status: string;
  readonly output: { readonly text: string } | null;
}

const world = new CrashGround({ think });
let sequence = 0;

beforeAll(async () => {
  await world.open({ files });
  await world.start();
});
afterAll(() => world.close());

async function http(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${world.url}${path}`, {
    method,
    headers: { 'x-api-key': adminKey, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
}

/** Starts a workflow; its name for this run stands in every note. */
async function begin(workflow: string): Promise<{ runId: string; name: string }> {
  sequence += 1;
  const name = `run-${sequence}`;
  const { status, body } = await http('POST', `/api/v1/workflows/${workflow}/execute`, {
    inputs: { run: name },
    wait: false,
  });
  expect(status).toBe(202);
  return { runId: (body as { run_id: string }).run_id, name };
}

const asked = async (runId: string, status = 'pending'): Promise<readonly Asked[]> => {
  const { body } = await http('GET', `/api/v1/approvals?run_id=${runId}&limit=50&status=${status}`);
  return (body as { items: Asked[] }).items.toReversed();
};

async function untilAsked(runId: string, count = 1): Promise<readonly Asked[]> {
  await expect.poll(async () => (await asked(runId)).length, { timeout: 60_000, interval: 5 }).toBe(count);
  return asked(runId);
}

const run = async (runId: string): Promise<Run> => (await http('GET', `/api/v1/runs/${runId}`)).body as Run;

async function until(runId: string, status: string): Promise<Run> {
  await expect.poll(async () => (await run(runId)).status, { timeout: 60_000, interval: 20 }).toBe(status);
  return run(runId);
}

const decide = (id: string, decision = 'approve') =>
  http('POST', `/api/v1/approvals/${id}/decision`, { decision });

const notesOf = (name: string): readonly string[] =>
  world.notes
    .map(decodeURIComponent)
    .filter((note) => note.includes(name))
    .toSorted();

describe('three branches that wait for people', () => {
  const orders = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ];

  it.each(orders)(
    'keep what the others came to, answered %i, %i, %i with a crash in between (Mastra 9288, 6418)',
    async (...order) => {
      const { runId, name } = await begin('three');
      const approvals = await untilAsked(runId, 3);
      for (const [place, index] of order.entries()) {
        expect((await decide(approvals[index]?.id ?? '')).status).toBe(200);
        // One that is answered is not all of them.
        if (place < 2) expect(['running', 'waiting', 'queued']).toContain((await run(runId)).status);
        if (place === 1) await world.restart();
      }
      expect((await until(runId, 'completed')).output?.text).toBe(
        `one ${name}: done, two ${name}: done, three ${name}: done`,
      );
      expect(notesOf(name)).toEqual([`one ${name} 1`, `three ${name} 1`, `two ${name} 1`]);
      expect(await asked(runId)).toEqual([]);
    },
  );

  it('all go on when they are answered at once, one of them with a no (Dify 42103)', async () => {
    const { runId, name } = await begin('three');
    const approvals = await untilAsked(runId, 3);
    const no = approvals.find((one) => one.subject.arguments.note.startsWith('two'));
    const answers = await Promise.all(
      approvals.map((one) => decide(one.id, one === no ? 'reject' : 'approve')),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await until(runId, 'completed')).output?.text).toBe(
      `one ${name}: done, two ${name}: not made, three ${name}: done`,
    );
    expect(notesOf(name)).toEqual([`one ${name} 1`, `three ${name} 1`]);
  });
});

describe('one that waits deep inside', () => {
  it('goes on when it is answered the moment it is asked, however much state there is (Mastra 22413)', async () => {
    const { runId, name } = await begin('large');
    const [approval] = await untilAsked(runId);
    expect((await decide(approval?.id ?? '')).status).toBe(200);
    expect((await until(runId, 'completed')).output?.text).toBe(`large ${name}: done`);
    expect(notesOf(name)).toEqual([`large ${name} 1`]);
  });

  it('is asked about each call once and begins nothing again (Mastra 15734, 23626)', async () => {
    const before = world.notes.length;
    const { runId, name } = await begin('nested');
    const [first] = await untilAsked(runId);
    await until(runId, 'waiting');
    await world.restart();
    await decide(first?.id ?? '');
    await expect.poll(async () => (await asked(runId, 'approved')).length, { timeout: 60_000 }).toBe(1);
    const [second] = await untilAsked(runId);
    expect([first, second].map((one) => one?.subject.arguments.note)).toEqual([
      `twice ${name} 1`,
      `twice ${name} 2`,
    ]);
    // The same child, and not another one in its place.
    expect(second?.run_id).toBe(first?.run_id);
    await until(runId, 'waiting');
    await world.restart();
    await decide(second?.id ?? '');
    expect((await until(runId, 'completed')).output?.text).toBe('the clerk is done');
    expect(world.notes.slice(before)).toEqual(['before', `twice ${name} 1`, `twice ${name} 2`, 'after']);
  });

  it('cannot be resumed behind the back of those above it (Mastra 23714)', async () => {
    const { runId, name } = await begin('nested');
    const [first] = await untilAsked(runId);
    await until(runId, 'waiting');
    for (const id of [first?.run_id ?? '', runId]) {
      const { status } = await http('POST', `/api/v1/runs/${id}/resume`);
      expect([400, 409]).toContain(status);
    }
    await decide(first?.id ?? '', 'reject');
    const [second] = await untilAsked(runId);
    await decide(second?.id ?? '');
    await until(runId, 'completed');
    expect(notesOf(name)).toEqual([`twice ${name} 2`]);
  });

  it('shows who comes back to watch what it waits for (Mastra 9027)', async () => {
    const { runId } = await begin('nested');
    const [first] = await untilAsked(runId);
    await until(runId, 'waiting');
    const shown = await http('GET', `/api/v1/runs/${runId}`);
    expect(shown.body).toMatchObject({ pending_approvals: [first?.id], status: 'waiting' });
    await http('POST', `/api/v1/runs/${runId}/cancel`);
    await until(runId, 'cancelled');
  });

  it('ends with the run above it, and cannot be answered any more (n8n 14286, 28568)', async () => {
    const { runId, name } = await begin('nested');
    const [first] = await untilAsked(runId);
    await until(runId, 'waiting');
    await http('POST', `/api/v1/runs/${runId}/cancel`);
    await until(runId, 'cancelled');
    expect((await decide(first?.id ?? '')).status).toBe(409);
    expect(await asked(runId)).toEqual([]);
    expect((await run(first?.run_id ?? '')).status).toBe('cancelled');
    expect(notesOf(name)).toEqual([]);
  });

  it('finishes with the definitions it began with, changed or gone meanwhile (langgraphjs 536)', async () => {
    const define = (kind: string, name: string, spec: object) =>
      http('POST', `/api/v1/${kind.toLowerCase()}s`, JSON.parse(definition(kind, name, spec)) as object);
    await define('Agent', 'guest', {
      model: 'openai/clerk',
      tools: [{ name: 'effect', approval: 'always' }],
    });
    await define('Workflow', 'visit', {
      inputs: { run: 'string' },
      steps: [
        {
          id: 'guest',
          action: 'invoke_agent',
          inputs: { agent: 'guest', message: 'hello {{ inputs.run }}' },
        },
        effect('bye', {
          dependsOn: ['guest'],
          inputs: { tool: 'effect', arguments: { note: 'bye {{ inputs.run }}' } },
        }),
      ],
      outputs: { text: '{{ steps.guest.output.text }}' },
    });
    const { runId, name } = await begin('visit');
    const [approval] = await untilAsked(runId);
    await until(runId, 'waiting');
    expect((await http('DELETE', '/api/v1/workflows/visit')).status).toBe(204);
    expect((await http('DELETE', '/api/v1/agents/guest')).status).toBe(204);
    await world.restart();
    await decide(approval?.id ?? '');
    expect((await until(runId, 'completed')).output?.text).toBe(`hello ${name}: done`);
    expect(notesOf(name)).toEqual([`bye ${name}`, `hello ${name} 1`]);
  });
});
