import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createFakeTerminal } from '../testing/fake-terminal.ts';
import { AppError } from '../base/index.ts';
import type { CliServices } from './cli-services.ts';
import { workflowDefinition } from '../protocol/index.ts';
import { runCli } from './run-cli.ts';

interface Call {
  readonly method: string;
  readonly url: string;
  readonly key: string | undefined;
  readonly body: unknown;
}
type Answer = (response: ServerResponse, call: Call) => void;

const json =
  (status: number, body: unknown): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const events =
  (...list: readonly (readonly [name: string, data: unknown])[]): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    list.forEach(([name, data], index) => {
      response.write(`id: ${index + 1}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    });
    response.end();
  };

let server: Server;
let url: string;
let calls: Call[] = [];
let answers: Record<string, Answer> = {};
let folder: string;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const call: Call = {
    method: request.method ?? '',
    url: request.url ?? '',
    key: request.headers.authorization,
    body: body === '' ? undefined : (JSON.parse(body) as unknown),
  };
  calls.push(call);
  const found = answers[`${call.method} ${call.url}`] ?? json(404, { code: 'not_found', detail: 'not here' });
  found(response, call);
}

beforeAll(async () => {
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  calls = [];
  answers = {};
  folder = mkdtempSync(path.join(tmpdir(), 'a33-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const agentDefinition = (name: string) => ({ kind: 'Agent' as const, metadata: { name, labels: {} } });
const weekly = workflowDefinition.parse({
  apiVersion: 'agent33/v1',
  kind: 'Workflow',
  metadata: { name: 'weekly' },
  spec: { steps: [{ id: 'a', action: 'transform' }] },
});

const services: CliServices = {
  openApp: async ({ config, environment }) => ({
    start: async () => ({
      url: `http://${config.API_HOST}:${config.API_PORT}`,
      newApiKey: undefined,
      model: environment['OLLAMA_DEFAULT_MODEL'] ?? 'none',
      offline: false,
      agents: [config.projectDir],
      teams: [],
      workflows: [],
      schedules: [],
    }),
    stop: async () => {},
  }),
  openWorker: async ({ config }) => ({
    start: async () => ({
      roles: config.AGENT33_QUEUES,
      concurrency: config.AGENT33_CONCURRENCY ?? null,
      url:
        config.AGENT33_WORKER_PORT === undefined
          ? undefined
          : `http://${config.AGENT33_WORKER_HOST}:${config.AGENT33_WORKER_PORT}`,
    }),
    stop: async () => {},
  }),
  openLocalModels: async () => ({
    address: 'http://ollama.test:11434',
    pullModel: async (name, onProgress) => {
      if (name === 'nothing') throw new AppError('not_found', 'There is no model "nothing" to pull: no file');
      for (const completed of [0, 250, 251, 1000])
        onProgress({ status: 'pulling 1', total: 1000, completed });
      onProgress({ status: 'success' });
    },
    close: async () => {},
  }),
  playCassettes: async ({ files, against, update }) => ({
    problems: [],
    results: files.map((file) => ({
      file,
      target: 'agent helper',
      status: file.endsWith('bad.json') ? (update ? 'updated' : 'failed') : 'passed',
      faults: file.endsWith('bad.json') ? [`differs from ${against}`] : [],
      difference: null,
      definitionChanges: [],
    })),
  }),
  loadProject: async (dir) => ({
    drawWorkflow: ({ metadata }, form) => `${metadata.name} as ${form}\n`,
    definitions: [
      { definition: agentDefinition('a'), path: 'agents/a.yaml' },
      { definition: agentDefinition('b'), path: 'agents/b.yaml' },
      { definition: weekly, path: 'workflows/weekly.yaml' },
    ],
    problems: dir.endsWith('faulty')
      ? [{ file: 'agents/a.yaml', line: 3, column: 5, field: 'spec.tools', message: 'expected a list' }]
      : [],
  }),
};

async function cli(args: readonly string[], options: { env?: Record<string, string>; input?: string } = {}) {
  const terminal = createFakeTerminal({ cwd: folder, env: { AGENT33_URL: url }, ...options });
  const code = await runCli(args, terminal.context, services);
  return { code, out: terminal.output(), err: terminal.talk() };
}

const hello = events(
  ['run-start', { type: 'run-start' }],
  ['text-delta', { type: 'text-delta', text: 'Hel' }],
  [
    'tool-call',
    { event: { type: 'tool-call', call: { id: 'c', name: 'clock', arguments: { zone: 'UTC' } } } },
  ],
  ['text-delta', { event: { type: 'text-delta', text: 'lo.' } }],
  ['done', { response: 'Hello.', session_id: 'ses_1', status: 'completed' }],
);

describe('which server', () => {
  it('is the one that the project’s server wrote down, with its key', async () => {
    mkdirSync(path.join(folder, 'agents'));
    mkdirSync(path.join(folder, '.agent33'));
    writeFileSync(
      path.join(folder, '.agent33', 'credentials.json'),
      JSON.stringify({ url, api_key: 'a33_stored' }),
    );
    answers['GET /v1/models'] = json(200, { data: [{ id: 'm', owned_by: 'x' }] });
    expect((await cli(['models', 'list'], { env: {} })).code).toBe(0);
    expect(calls[0]?.key).toBe('Bearer a33_stored');
  });

  it('never gets the key that is stored for another one', async () => {
    mkdirSync(path.join(folder, 'agents'));
    mkdirSync(path.join(folder, '.agent33'));
    const stored = { url: 'http://127.0.0.1:9', api_key: 'a33_stored' };
    writeFileSync(path.join(folder, '.agent33', 'credentials.json'), JSON.stringify(stored));
    await cli(['models', 'list']);
    expect(calls[0]?.key).toBeUndefined();
  });

  it('gets the key of the flag before that of the environment', async () => {
    await cli(['models', 'list', '--api-key', 'a33_flag'], {
      env: { AGENT33_URL: url, AGENT33_API_KEY: 'a33_environment' },
    });
    expect(calls[0]?.key).toBe('Bearer a33_flag');
  });
});

describe('the history of a run', () => {
  it('tells what differs, and fails when a replay does', async () => {
    answers['POST /api/v1/runs/run_1/replay'] = json(200, {
      identical: false,
      steps: 1,
      difference: {
        message: 'step "model:1" differs',
        differences: [{ path: '[0].content', before: 'A', after: 'B' }],
      },
      definition_changes: [{ path: 'spec.instructions', before: 'A', after: 'B' }],
    });
    const { code, out } = await cli(['runs', 'replay', 'run_1', '--current']);
    expect(code).toBe(1);
    expect(calls[0]?.body).toEqual({ against: 'current' });
    expect(out).toBe(
      'step "model:1" differs\n  at [0].content\n    - "A"\n    + "B"\nthe definition changed at spec.instructions\n',
    );
  });

  it('forks with edits, whose values are JSON where they can be', async () => {
    answers['POST /api/v1/runs/run_1/fork'] = json(202, { run_id: 'run_2' });
    const { code, out } = await cli(
      'runs fork run_1 --from b --set inputs.n=3 --set steps.a.output=x=y --model m --effects'.split(' '),
    );
    expect([code, out]).toEqual([0, 'run_2\n']);
    expect(calls[0]?.body).toEqual({
      from: 'b',
      set: { 'inputs.n': 3, 'steps.a.output': 'x=y' },
      model: 'm',
      effects: true,
    });
    expect((await cli(['runs', 'fork', 'run_1', '--from', 'b', '--set', 'nonsense'])).code).toBe(2);
    expect((await cli(['runs', 'fork', 'run_1'])).code).toBe(2);
  });

  it('plays the cassettes of the project, or those that are named', async () => {
    mkdirSync(path.join(folder, 'agents'));
    mkdirSync(path.join(folder, 'cassettes', 'deep'), { recursive: true });
    for (const name of ['good.json', 'deep/bad.json', 'notes.md'])
      writeFileSync(path.join(folder, 'cassettes', name), '{}');
    const all = await cli(['test']);
    expect(all.code).toBe(1);
    expect(all.out).toBe(
      'FAIL  cassettes/deep/bad.json  agent helper\n      differs from current\npass  cassettes/good.json  agent helper\n',
    );
    expect(all.err).toContain('1 passed, 1 failed');
    expect((await cli(['test', 'cassettes/good.json'])).code).toBe(0);
    expect((await cli(['test', '--update'])).err).toContain('1 passed, 1 updated');
    expect((await cli(['test', '--recorded'])).out).toContain('differs from recorded');
    const wire = JSON.parse((await cli(['test', '--json'])).out) as unknown;
    expect(wire).toMatchObject([
      { status: 'failed', faults: ['differs from current'] },
      { status: 'passed' },
    ]);
  });
});

describe('models and money', () => {
  const figures = {
    requests: 12,
    errors: 1,
    cached_requests: 2,
    input_tokens: 3400,
    output_tokens: 560,
    cost_usd: 0.01234,
    unpriced_requests: 0,
    avg_latency_ms: 812.4,
    avg_first_token_ms: null,
  };

  it('prints usage by group with the sum of all', async () => {
    answers['GET /api/v1/usage?from=7d&team=red&group_by=key'] = json(200, {
      totals: { ...figures, cost_usd: 12.5, unpriced_requests: 3 },
      groups: [
        { by: { key: 'key_1' }, key_name: 'ci', ...figures },
        { by: { key: null }, ...figures, cost_usd: null, unpriced_requests: 3 },
      ],
      truncated: true,
    });
    const { code, out, err } = await cli(['models', 'usage', '--by', 'key', '--from', '7d', '--team', 'red']);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['KEY', 'REQUESTS', 'ERRORS', 'CACHED', 'INPUT', 'OUTPUT', 'COST', 'LATENCY', 'FIRST TOKEN'],
      ['key_1 (ci)', '12', '1', '2', '3400', '560', '$0.0123', '812 ms', '-'],
      ['-', '12', '1', '2', '3400', '560', 'unknown', '812 ms', '-'],
      ['total', '12', '1', '2', '3400', '560', '$12.50 + ?', '812 ms', '-'],
      [''],
    ]);
    expect(err).toContain('models.prices');
    expect(err).toContain('--limit');
  });

  it('prints single calls', async () => {
    answers['GET /api/v1/usage/calls?from=30d&limit=1&model=gpt-5'] = json(200, {
      items: [{ at: '2026-01-01T00:00:00Z', model: 'gpt-5', status: 'ok', cost_usd: 0, duration_ms: 9.6 }],
      next: null,
    });
    const { out } = await cli(['models', 'usage', '--calls', '--limit', '1', '--model', 'gpt-5']);
    expect(out).toContain('$0.00');
    expect(out).toContain('10 ms');
  });

  const limit = {
    subject: 'team:red',
    stored: { rpm: 5, budgets: [{ usd: 1, period: '1d' }], updated_by: 'key:x', updated_at: 'then' },
    file: null,
    effective: { rpm: 5, budgets: [{ usd: 1, period: '1d' }], unpriced: 'deny' },
    use: [
      {
        subject: 'team:red',
        requests: 1,
        tokens: 2,
        parallel: 0,
        budgets: [
          { usd: 1, period: '1d', spent_usd: 0.25, reserved_usd: 0, remaining_usd: 0.75, resets_at: 'soon' },
        ],
      },
    ],
  };

  it('lists limits, a line for each budget', async () => {
    const all = { subject: 'key:*', stored: null, file: { rpm: 600 }, effective: { rpm: 600 }, use: [] };
    answers['GET /api/v1/limits'] = json(200, { items: [all, limit] });
    const { out } = await cli(['models', 'budget', 'list']);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['SUBJECT', 'RPM', 'TPM', 'PARALLEL', 'BUDGET', 'SPENT', 'RESERVED', 'BEGINS ANEW', 'FROM'],
      ['key:*', '600', '-', '-', '-', '-', '-', '-', 'agent33.yaml'],
      ['team:red', '5', '-', '-', '$1/1d', '$0.25', '$0', 'soon', 'api'],
      [''],
    ]);
  });

  it('changes of the limits of a subject what is said, and leaves the rest', async () => {
    answers['GET /api/v1/limits/team%3Ared'] = json(200, limit);
    answers['PUT /api/v1/limits/team%3Ared'] = json(200, limit);
    const set = 'models budget set team:red --rpm none --parallel 3 --budget 20/month --budget 1/1h';
    expect((await cli(set.split(' '))).code).toBe(0);
    expect(calls[1]?.body).toEqual({
      rpm: null,
      parallel: 3,
      budgets: [
        { usd: 20, period: 'month' },
        { usd: 1, period: '1h' },
      ],
    });
    for (const wrong of ['', '--rpm 0', '--budget 20', '--budget 20/soon', '--budget 0/1d'])
      expect((await cli(`models budget set team:red ${wrong}`.trim().split(' '))).code, wrong).toBe(2);
  });

  it('resets budgets and removes limits', async () => {
    answers['POST /api/v1/limits/key%3A*/reset'] = json(400, { code: 'invalid_request', detail: 'name one' });
    answers['POST /api/v1/limits/tenant/reset'] = json(200, limit);
    answers['DELETE /api/v1/limits/key%3A*'] = (response) => response.writeHead(204).end();
    expect((await cli(['models', 'budget', 'reset', 'key:*'])).code).toBe(2);
    expect((await cli(['models', 'budget', 'reset', 'tenant'])).err).toContain('begin anew');
    expect((await cli(['models', 'budget', 'remove', 'key:*'])).code).toBe(0);
  });

  it('makes a key with attributes and limits', async () => {
    answers['POST /api/v1/auth/keys'] = json(201, { id: 'key_1', key: 'a33_secret' });
    const create =
      'keys create ci --scopes models:invoke --team red --user ann --tag eu --tag batch --model chat --model gpt-* --rpm 5 --budget 20/month';
    expect((await cli(create.split(' '))).out).toBe('a33_secret\n');
    expect(calls[0]?.body).toEqual({
      name: 'ci',
      scopes: ['models:invoke'],
      team: 'red',
      user: 'ann',
      tags: ['eu', 'batch'],
      models: ['chat', 'gpt-*'],
      limits: { rpm: 5, budgets: [{ usd: 20, period: 'month' }] },
    });
  });
});

describe('exit codes', () => {
  it.each([
    [401, 3],
    [403, 3],
    [404, 4],
    [409, 5],
    [422, 2],
    [500, 1],
    [503, 1],
    [504, 6],
  ])('turns status %i into %i', async (status, code) => {
    answers['GET /api/v1/agents/x'] = json(status, { code: 'c', detail: 'the reason' });
    const result = await cli(['agents', 'show', 'x']);
    expect(result.code).toBe(code);
    expect(result.err).toContain('the reason');
    expect(result.out).toBe('');
  });

  it('says how to start a server when none answers', async () => {
    const result = await cli(['status', '--url', 'http://127.0.0.1:1']);
    expect(result.code).toBe(7);
    expect(result.err).toContain('agent33 serve');
  });

  it.each([['nonsense'], ['runs', 'show'], ['agents', 'list', '-o', 'xml'], ['status', '--url', 'ftp://x']])(
    'calls %s wrong usage',
    async (...args) => {
      expect((await cli(args)).code).toBe(2);
    },
  );

  it('answers help and version with success', async () => {
    expect(await cli(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    expect((await cli(['runs', '--help'])).out).toContain('cancel');
  });

  it('prints errors as problem objects with --json, naming each field', async () => {
    answers['POST /api/v1/auth/keys'] = json(400, {
      code: 'invalid_request',
      detail: 'not valid',
      issues: [{ path: 'name', message: 'too long' }],
    });
    const result = await cli(['keys', 'create', 'x', '--json']);
    expect(JSON.parse(result.err)).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await cli(['keys', 'create', 'x'])).err).toContain('  - name: too long');
  });

  it('is 130 after an interrupt', async () => {
    const terminal = createFakeTerminal({ cwd: folder, env: { AGENT33_URL: url } });
    answers['GET /api/v1/agents'] = () => terminal.interrupt();
    expect(await runCli(['agents', 'list'], terminal.context, services)).toBe(130);
  });
});

describe('status', () => {
  it('shows each service, and fails when the server is unhealthy', async () => {
    const health = { status: 'unhealthy', services: { database: 'down', bus: 'ok' } };
    answers['GET /health'] = json(503, { ...health, details: { database: { detail: 'disk full' } } });
    const result = await cli(['status']);
    expect(result.code).toBe(1);
    expect(result.out).toMatch(/SERVICE +STATUS +DETAIL\ndatabase +down +disk full\nbus +ok +-\n/);
  });
});

describe('forms of output', () => {
  beforeEach(() => {
    answers['GET /api/v1/runs?limit=20'] = json(200, {
      runs: [{ id: 'run_1', status: 'completed', target: { kind: 'agent', name: 'a' } }],
      next: null,
    });
  });

  it('is a table for people', async () => {
    expect((await cli(['runs', 'list'])).out.split('\n')[1]).toMatch(/^run_1 +completed +a/);
  });

  it('is JSON, lines of JSON, or YAML where asked', async () => {
    const [row] = JSON.parse((await cli(['runs', 'list', '--json'])).out) as unknown[];
    expect(row).toMatchObject({ id: 'run_1' });
    expect(JSON.parse((await cli(['runs', 'list', '-o', 'jsonl'])).out)).toEqual(row);
    expect(parse((await cli(['-o', 'yaml', 'runs', 'list'])).out)).toEqual([row]);
  });
});

describe('run and chat', () => {
  it('streams the answer to standard output and tool calls to standard error', async () => {
    answers['POST /api/v1/agents/helper/execute'] = hello;
    const result = await cli(['run', 'helper', '--inputs', '{"query": "test"}']);
    expect(result).toMatchObject({ code: 0, out: 'Hel\nlo.\n' });
    expect(result.err).toContain('→ clock {"zone":"UTC"}');
    expect(calls[0]?.body).toEqual({ input: { query: 'test' }, stream: true });
  });

  it('fails with the error of the run', async () => {
    const error = { code: 'model_unavailable', message: 'Ollama refused', retryable: true };
    answers['POST /api/v1/agents/helper/execute'] = events([
      'run-end',
      { type: 'run-end', status: 'failed', error },
    ]);
    const result = await cli(['run', 'helper', '-m', 'hi']);
    expect(result.code).toBe(1);
    expect(result.err).toContain('Ollama refused');
  });

  it('prints the whole result with --json, and fails when the run did not complete', async () => {
    answers['POST /api/v1/agents/helper/execute'] = json(200, { run_id: 'r', status: 'failed' });
    const result = await cli(['run', 'helper', '--inputs', '{}', '--json']);
    expect(JSON.parse(result.out)).toEqual({ run_id: 'r', status: 'failed' });
    expect(result.code).toBe(1);
  });

  it('refuses inputs that are no JSON object without calling the server', async () => {
    expect((await cli(['run', 'helper', '--inputs', '{query: x'])).code).toBe(2);
    expect((await cli(['run', 'helper', '--inputs', '@missing.json'])).code).toBe(2);
    expect(calls).toEqual([]);
  });

  it('takes piped text as one message', async () => {
    answers['POST /api/v1/chat'] = hello;
    expect((await cli(['chat', 'helper'], { input: 'good morning\n' })).out).toBe('Hel\nlo.\n');
    expect(calls[0]?.body).toEqual({ agent: 'helper', message: 'good morning', stream: true });
    expect((await cli(['chat'], { input: ' ' })).code).toBe(2);
  });

  it('tells which members of a team work, once, and what the team adds to the words of its lead', async () => {
    const call = { name: 'ask_ben', arguments: {} };
    answers['POST /api/v1/teams/crew/execute'] = events(
      ['step-start', { type: 'step-start', step: 'member:ada', kind: 'run', name: 'ada' }],
      ['tool-call', { type: 'tool-call', step: 'tool:1:0', call }],
      ['step-start', { type: 'step-start', step: 'tool:1:0', kind: 'run', name: 'ben' }],
      ['text-delta', { type: 'text-delta', step: 'model:2', text: 'All agree.' }],
      ['done', { response: 'All agree.\n\nWithout ben.' }],
    );
    const { out, err } = await cli(['teams', 'run', 'crew', '-m', 'go']);
    expect(out).toBe('All agree.\n\nWithout ben.\n');
    expect(err).toBe('· ada\n→ ask_ben {}\n');
  });

  it('talks to a team, not to both', async () => {
    answers['POST /api/v1/chat'] = hello;
    await cli(['chat', '--team', 'crew', '-m', 'hello']);
    expect(calls[0]?.body).toEqual({ team: 'crew', message: 'hello', stream: true });
    expect((await cli(['chat', 'helper', '--team', 'crew', '-m', 'hello'])).code).toBe(2);
  });

  it('keeps the conversation at the terminal until /exit', async () => {
    answers['POST /api/v1/chat'] = hello;
    const typed = new PassThrough();
    typed.write('one\ntwo\n/new\nthree\n/exit\n');
    const terminal = createFakeTerminal({ cwd: folder, env: { AGENT33_URL: url }, typed });
    expect(await runCli(['chat'], terminal.context, services)).toBe(0);
    expect(calls.map(({ body }) => body)).toEqual([
      { message: 'one', stream: true },
      { message: 'two', session_id: 'ses_1', stream: true },
      { message: 'three', stream: true },
    ]);
  });
});

describe('approvals', () => {
  const asked = (id: string, more: object = {}) => ({
    id,
    code: id.slice(-1),
    kind: 'approval',
    title: `File ${id}?`,
    message: '',
    subject: { action: 'write', arguments: { path: 'a.md', content: '# A\n\nbody' } },
    arguments_hash: `hash-${id}`,
    answer_schema: null,
    status: 'pending',
    ...more,
  });

  it('shows texts of several lines as such', async () => {
    answers['GET /api/v1/approvals/x'] = json(200, asked('apr_x'));
    expect((await cli(['approvals', 'show', 'x'])).out).toContain(
      'File apr_x?\n\naction: write\narguments:\n{\n  "path": "a.md",\n  "content": text of 3 lines:\n    | # A\n    | \n    | body\n}\n',
    );
  });

  it('goes through what waits, the oldest first, and decides about what was shown', async () => {
    const question = { kind: 'question', subject: null, answer_schema: { type: 'integer' } };
    const items = [asked('apr_5'), asked('apr_4', question), asked('apr_3'), asked('apr_2'), asked('apr_1')];
    answers['GET /api/v1/approvals?status=pending&limit=100'] = json(200, { items });
    const decided = (id: string) => `POST /api/v1/approvals/${id}/decision`;
    answers[decided('apr_1')] = json(200, { status: 'approved' });
    answers[decided('apr_3')] = json(409, { code: 'conflict', detail: 'approved by key:other' });
    answers[decided('apr_4')] = json(200, { status: 'answered' });
    const typed = new PassThrough();
    typed.write('what?\na  fine by me\nskip\nr too late\nanswer 12\nq\n');
    const terminal = createFakeTerminal({ cwd: folder, env: { AGENT33_URL: url }, typed });
    expect(await runCli(['approvals', 'review'], terminal.context, services)).toBe(0);
    expect(calls.filter(({ method }) => method === 'POST').map(({ url: to, body }) => [to, body])).toEqual([
      [
        '/api/v1/approvals/apr_1/decision',
        { decision: 'approve', comment: 'fine by me', arguments_hash: 'hash-apr_1' },
      ],
      [
        '/api/v1/approvals/apr_3/decision',
        { decision: 'reject', comment: 'too late', arguments_hash: 'hash-apr_3' },
      ],
      ['/api/v1/approvals/apr_4/decision', { decision: 'answer', answer: 12, arguments_hash: 'hash-apr_4' }],
    ]);
    expect(terminal.talk()).toContain('approved by key:other');
    expect(terminal.talk()).toContain('5/5');
    expect((await cli(['approvals', 'review'])).code).toBe(2);
  });

  it('cuts a table only where the terminal is narrow', async () => {
    const title = `${'long '.repeat(30)}end?`;
    answers['GET /api/v1/approvals?limit=50&status=pending'] = json(200, {
      items: [{ ...asked('apr_1'), title }],
    });
    expect((await cli(['approvals', 'list'])).out).toContain(title);
    const terminal = createFakeTerminal({ cwd: folder, env: { AGENT33_URL: url } });
    Object.assign(terminal.context.stdout, { columns: 100 });
    await runCli(['approvals', 'list'], terminal.context, services);
    const lines = terminal.output().trimEnd().split('\n');
    expect(lines.map((line) => line.length <= 100)).toEqual([true, true]);
    expect(lines[1]).toMatch(/^apr_1 .* long long .*…/);
  });
});

describe('agents apply', () => {
  it('updates what exists and creates what does not', async () => {
    writeFileSync(
      path.join(folder, 'two.yaml'),
      'kind: Agent\nmetadata: { name: old }\n---\nkind: Agent\nmetadata: { name: new }\n',
    );
    answers['PUT /api/v1/agents/old'] = json(200, {});
    answers['POST /api/v1/agents'] = json(201, {});
    const result = await cli(['agents', 'apply', 'two.yaml']);
    expect(result.err).toBe('agent old updated\nagent new created\n');
    expect(calls.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'POST']);
  });
});

describe('completion', () => {
  it('offers commands, options and ids of the server', async () => {
    answers['GET /api/v1/agents'] = json(200, { agents: [{ name: 'helper' }, { name: 'other' }] });
    expect((await cli(['__complete', 'sta'])).out).toBe('status\n');
    expect((await cli(['__complete', 'runs', ''])).out.split('\n')).toContain('cancel');
    expect((await cli(['__complete', 'run', '--inp'])).out).toBe('--inputs\n');
    expect((await cli(['__complete', 'chat', 'he'])).out).toBe('helper\n');
  });

  it('is silent without a server', async () => {
    const result = await cli(['__complete', 'chat', ''], { env: { AGENT33_URL: 'http://127.0.0.1:1' } });
    expect(result).toEqual({ code: 0, out: '', err: '' });
  });

  it.each(['bash', 'zsh', 'fish'])('has a script for %s', async (shell) => {
    expect((await cli(['completion', shell])).out).toContain('agent33 __complete');
  });
});

describe('serve', () => {
  it('takes host and port from its flags before the environment, and the rest from .env', async () => {
    writeFileSync(path.join(folder, '.env'), 'OLLAMA_DEFAULT_MODEL=mistral\nAPI_HOST=10.0.0.1\n');
    const env = { API_PORT: '1', API_HOST: '::1' };
    const terminal = createFakeTerminal({ cwd: folder, env });
    const served = runCli(['serve', '--port', '2'], terminal.context, services);
    await expect.poll(terminal.talk).toContain('mistral');
    expect(terminal.talk()).toContain('http://::1:2');
    expect(terminal.talk()).toContain(folder);
    terminal.interrupt();
    expect(await served).toBe(0);
  });

  it('lists what is wrong with the configuration and starts nothing', async () => {
    const result = await cli(['serve', '--port', 'x'], { env: { AGENT33_WORKER: 'y?' } });
    expect(result.code).toBe(2);
    expect(result.err).toMatch(/AGENT33_WORKER: found "y\?".*\n.*API_PORT: found "x"/);
  });
});

describe('models pull', () => {
  it('tells how far it is, seldom, and what to write', async () => {
    const result = await cli(['models', 'pull', 'llama3.2']);
    expect(result.code).toBe(0);
    expect(result.err).toBe(
      'pulling 1 0 % of 1 MB\npulling 1 20 % of 1 MB\npulling 1 100 % of 1 MB\nsuccess\nllama3.2 is ready at http://ollama.test:11434; agents name it ollama/llama3.2\n',
    );
    expect(JSON.parse((await cli(['models', 'pull', 'llama3.2', '--json'])).out)).toMatchObject({
      model: 'ollama/llama3.2',
    });
  });

  it('says that there is no such model', async () => {
    const result = await cli(['models', 'pull', 'nothing']);
    expect(result.code).toBe(4);
    expect(result.err).toContain('There is no model "nothing" to pull');
  });
});

describe('validate', () => {
  it('prints each fault with file, line and column', async () => {
    const result = await cli(['validate', 'faulty']);
    expect(result.code).toBe(2);
    expect(result.out).toBe('faulty/agents/a.yaml:3:5: spec.tools: expected a list\n');
    expect(JSON.parse((await cli(['validate', 'faulty', '--json'])).out)).toMatchObject([{ line: 3 }]);
  });

  it('is content with a valid project', async () => {
    expect(await cli(['validate'])).toEqual({ code: 0, out: '', err: 'valid: 2 agents, 1 workflow\n' });
  });
});

describe('doctor', () => {
  it('names each problem with its fix and fails', async () => {
    const port = String((server.address() as AddressInfo).port);
    const env = {
      API_PORT: port,
      AGENT33_URL: 'http://127.0.0.1:1',
      OLLAMA_BASE_URL: 'http://127.0.0.1:1',
    };
    const result = await cli(['doctor'], { env });
    expect(result.code).toBe(1);
    expect(result.out).toMatch(/FAIL {2}port .*used by another program\n.*→ .*API_PORT/);
    expect(result.out).toMatch(/FAIL {2}model .*Ollama: no server answers/);
    expect(result.out).toMatch(/ok {4}node/);
  });

  it('explains a configuration that is not valid', async () => {
    const result = await cli(['doctor', '--json'], { env: { API_PORT: 'x' } });
    expect(result.code).toBe(1);
    expect(JSON.parse(result.out)).toContainEqual(
      expect.objectContaining({
        check: 'configuration',
        state: 'problem',
        detail: expect.stringContaining('API_PORT'),
      }),
    );
  });
});

describe('workflows', () => {
  const execute = 'POST /api/v1/workflows/weekly/execute';
  const ended = { run_id: 'run_1', status: 'completed', output: { total: 3 } };

  it('run with inputs from flags and a file, and print the output', async () => {
    writeFileSync(path.join(folder, 'in.yaml'), 'topic: ants\nlimit: 2\n');
    answers[execute] = json(200, ended);
    const args = ['workflows', 'run', 'weekly', '--inputs', 'in.yaml', '--input', 'topic=bees'];
    const { code, out } = await cli([...args, '--input', 'tags=["a"]', '--timeout', '10m', '--session', 's']);
    expect([code, out]).toEqual([0, 'total: 3\n']);
    expect(calls[0]?.body).toEqual({
      inputs: { topic: 'bees', limit: 2, tags: ['a'] },
      wait: true,
      session_id: 's',
      timeout: '10m',
    });
    expect(parse((await cli(['workflows', 'run', 'weekly', '--json'])).out)).toEqual(ended);
    await cli([
      'workflows',
      'run',
      'weekly',
      '--inputs',
      '{"topic": "ants", "limit": 3}',
      '--input',
      'limit=4',
    ]);
    expect(calls.at(-1)?.body).toMatchObject({ inputs: { topic: 'ants', limit: 4 } });
  });

  it('that fail are no wrong use of the command, and lead to their run', async () => {
    const details = { run_id: 'run_9', status: 'error' };
    for (const [status, code] of [
      [400, 'invalid_request'],
      [403, 'forbidden'],
    ] as const) {
      answers[execute] = json(status, { status, code, detail: 'step "a": no', details });
      const failed = await cli(['workflows', 'run', 'weekly']);
      expect([failed.code, failed.err]).toEqual([1, expect.stringContaining('agent33 runs show run_9')]);
      expect(failed.err).not.toContain('scope');
    }
    answers[execute] = json(400, { status: 400, code: 'invalid_request', detail: 'inputs.n: is missing' });
    expect((await cli(['workflows', 'run', 'weekly'])).code).toBe(2);
  });

  it('run on their own with --no-wait; one that outlives the wait is a time-out with its run', async () => {
    const started = { run_id: 'run_1', status: 'queued', location: '/api/v1/runs/run_1' };
    answers[execute] = json(202, started);
    const gone = await cli(['workflows', 'run', 'weekly', '--no-wait', '--json']);
    expect([gone.code, parse(gone.out)]).toEqual([0, started]);
    expect(calls[0]?.body).toMatchObject({ wait: false });
    const waited = await cli(['workflows', 'run', 'weekly']);
    expect([waited.code, waited.err]).toEqual([6, expect.stringContaining('agent33 runs watch run_1')]);
  });

  it.each([
    [['--input', 'topic'], 'expected NAME=VALUE'],
    [['--inputs', 'none.yaml'], 'cannot be read'],
    [['--inputs', '{topic: bees'], 'is no JSON object'],
  ])('refuse %j', async (args, reason) => {
    const { code, err } = await cli(['workflows', 'run', 'weekly', ...args]);
    expect([code, err]).toEqual([2, expect.stringContaining(reason)]);
    expect(calls).toEqual([]);
  });

  it('are drawn and checked without a server', async () => {
    const { out } = await cli(['workflows', 'graph', 'weekly']);
    expect(out).toBe('weekly as terminal\n');
    expect((await cli(['workflows', 'graph', 'weekly', '--mermaid'])).out).toBe('weekly as mermaid\n');
    const missing = await cli(['workflows', 'graph', 'wekly']);
    expect([missing.code, missing.err]).toEqual([4, expect.stringContaining('did you mean "weekly"?')]);
    expect(await cli(['workflows', 'validate'])).toEqual({ code: 0, out: '', err: 'valid: weekly\n' });
    expect((await cli(['workflows', 'validate', 'other'])).code).toBe(2);
    expect(calls).toEqual([]);
  });

  it('list, show, and tell what steps can do', async () => {
    answers['GET /api/v1/workflows'] = json(200, { items: [{ name: 'weekly', steps: 3 }] });
    answers['GET /api/v1/workflows/weekly'] = json(200, { name: 'weekly' });
    answers['GET /api/v1/workflows/actions'] = json(200, {
      items: [{ name: 'wait', description: 'Waits.' }],
    });
    expect((await cli(['workflows', 'list'])).out).toMatch(/NAME +STEPS.*\nweekly +3/);
    expect((await cli(['workflows', 'show', 'weekly'])).out).toBe('name: weekly\n');
    expect((await cli(['workflows', 'actions'])).out).toMatch(/wait +Waits\./);
  });
});

describe('teams', () => {
  it('are listed and run', async () => {
    answers['GET /api/v1/teams'] = json(200, {
      items: [{ name: 'crew', mode: 'route', members: [{ name: 'a' }, { name: 'b' }] }],
    });
    answers['GET /api/v1/teams/crew'] = json(200, { name: 'crew' });
    answers['POST /api/v1/teams/crew/execute'] = hello;
    expect((await cli(['teams', 'list'])).out).toMatch(/crew +route +a, b/);
    expect((await cli(['teams', 'show', 'crew'])).out).toBe('name: crew\n');
    expect((await cli(['teams', 'run', 'crew', '-m', 'hi'])).out).toBe('Hel\nlo.\n');
    expect(calls.at(-1)?.body).toEqual({ input: 'hi', stream: true });
    expect((await cli(['teams', 'run', 'crew', '-m', 'hi', '--inputs', '{}'])).code).toBe(2);
  });
});

describe('runs as trees', () => {
  const target = { kind: 'team', name: 'crew' };
  const inner = { run_id: 'run_2', target: { kind: 'agent', name: 'a' }, status: 'running', children: [] };
  const tree = { root: { run_id: 'run_1', target, status: 'running', children: [inner] }, truncated: false };
  const told = (run: string, sequence: number, event: object, id: string) =>
    `id: ${id}\nevent: x\ndata: ${JSON.stringify({ run_id: run, sequence, at: 'now', event })}\n\n`;
  const stream =
    (...blocks: readonly string[]) =>
    (response: ServerResponse) => {
      response.setHeader('content-type', 'text/event-stream');
      response.end(blocks.join(''));
    };

  it('are drawn as a tree and as a graph', async () => {
    answers['GET /api/v1/runs/run_1/tree'] = json(200, tree);
    answers['GET /api/v1/runs/run_1/graph'] = json(200, {
      nodes: [
        { id: 'a', label: 'a', kind: 'run', status: 'completed', attempts: 1, run_id: 'run_2' },
        { id: 'b', label: 'b', kind: 'model', status: 'running', attempts: 1 },
      ],
      edges: [{ from: 'a', to: 'b', kind: 'then' }],
    });
    expect((await cli(['runs', 'tree', 'run_1'])).out).toBe(
      'team crew  running  run_1\n└─ agent a  running  run_2\n',
    );
    expect((await cli(['runs', 'graph', 'run_1'])).out).toMatch(/b +b +model +running +1 +- +a +-/);
    expect(parse((await cli(['runs', 'tree', 'run_1', '--json'])).out)).toEqual(tree);
  });

  it('are watched line by line, taken up again when the connection ends, and fail with the run', async () => {
    answers['GET /api/v1/runs/run_1/tree'] = json(200, tree);
    let connections = 0;
    answers['GET /api/v1/runs/run_1/events?tree=true'] = (response) => {
      connections += 1;
      if (connections === 1)
        stream(told('run_2', 1, { type: 'step-start', step: 'model:1', name: 'm' }, 'run_2:1'))(response);
      else
        stream(
          told('run_2', 2, { type: 'run-end', status: 'completed' }, 'run_2:2'),
          told(
            'run_1',
            9,
            { type: 'run-end', status: 'timeout', error: { code: 'timeout', message: 'too slow' } },
            'x:9',
          ),
        )(response);
    };
    const { code, out, err } = await cli(['runs', 'watch', 'run_1']);
    expect(connections).toBe(2);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t').slice(1)),
    ).toEqual([
      ['agent a', 'run_2', 'step model:1 begins'],
      ['agent a', 'run_2', 'completed'],
      ['team crew', 'run_1', 'timeout: too slow'],
    ]);
    expect([code, err]).toEqual([6, expect.stringContaining('too slow')]);
  });
});

describe('worker', () => {
  it('turns its flags into settings and says what it does', async () => {
    const terminal = createFakeTerminal({ cwd: folder, env: {} });
    const args = ['worker', '--queues', 'runs,deliveries', '--concurrency', '7', '--port', '9100'];
    const running = runCli(args, terminal.context, services);
    await expect.poll(terminal.talk).toContain('is ready');
    terminal.interrupt();
    expect(await running).toBe(0);
    expect(terminal.talk()).toMatch(
      /queues +runs, deliveries\n +runs +up to 7 side by side\n +probes +http:\/\/127\.0\.0\.1:9100\/readyz/,
    );
  });

  it.each([
    [['--queues', 'run'], 'AGENT33_QUEUES'],
    [['--concurrency', '0'], 'AGENT33_CONCURRENCY'],
  ])('refuses %j', async (args, setting) => {
    const { code, err } = await cli(['worker', ...args]);
    expect([code, err]).toEqual([2, expect.stringContaining(setting)]);
  });

  it('is listed with the others', async () => {
    answers['GET /api/v1/workers'] = json(200, {
      items: [
        { id: 'wrk_1', host: 'h', pid: 7, roles: [], active_runs: 0, heartbeat_age_ms: 1500, alive: true },
      ],
    });
    expect((await cli(['workers', 'list'])).out).toMatch(/wrk_1 +h +7 +none +0 +1\.5 s ago +alive/);
  });
});
