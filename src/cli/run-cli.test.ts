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
import type { CliServices } from './cli-services.ts';
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

const services: CliServices = {
  openApp: async ({ config, environment }) => ({
    start: async () => ({
      url: `http://${config.API_HOST}:${config.API_PORT}`,
      newApiKey: undefined,
      model: environment['OLLAMA_DEFAULT_MODEL'] ?? 'none',
      offline: false,
      agents: [config.projectDir],
    }),
    stop: async () => {},
  }),
  loadProject: async (dir) => ({
    agents: [1, 2],
    channels: [],
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

describe('validate', () => {
  it('prints each fault with file, line and column', async () => {
    const result = await cli(['validate', 'faulty']);
    expect(result.code).toBe(2);
    expect(result.out).toBe('faulty/agents/a.yaml:3:5: spec.tools: expected a list\n');
    expect(JSON.parse((await cli(['validate', 'faulty', '--json'])).out)).toMatchObject([{ line: 3 }]);
  });

  it('is content with a valid project', async () => {
    expect(await cli(['validate'])).toEqual({ code: 0, out: '', err: 'valid: 2 agents, 0 channels\n' });
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
