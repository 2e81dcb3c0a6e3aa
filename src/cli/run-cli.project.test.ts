import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CliGround, cliServices, events, json } from '../testing/cli-ground.ts';
import { runCli } from './run-cli.ts';

const ground = new CliGround();
beforeAll(() => ground.open());
afterAll(() => ground.close());
beforeEach(() => ground.begin());
afterEach(() => ground.end());

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

describe('validate', () => {
  it('prints each fault with file, line and column', async () => {
    const result = await ground.cli(['validate', 'faulty']);
    expect(result.code).toBe(2);
    expect(result.out).toBe('faulty/agents/a.yaml:3:5: spec.tools: expected a list\n');
    expect(JSON.parse((await ground.cli(['validate', 'faulty', '--json'])).out)).toMatchObject([{ line: 3 }]);
  });

  it('is content with a valid project', async () => {
    expect(await ground.cli(['validate'])).toEqual({
      code: 0,
      out: '',
      err: 'valid: 2 agents, 1 workflow\n',
    });
  });
});

describe('doctor', () => {
  it('names each problem with its fix and fails', async () => {
    const port = new URL(ground.url).port;
    const env = {
      API_PORT: port,
      AGENT33_URL: 'http://127.0.0.1:1',
      OLLAMA_BASE_URL: 'http://127.0.0.1:1',
    };
    const result = await ground.cli(['doctor'], { env });
    expect(result.code).toBe(1);
    expect(result.out).toMatch(/FAIL {2}port .*used by another program\n.*→ .*API_PORT/);
    expect(result.out).toMatch(/FAIL {2}model .*Ollama: no server answers/);
    expect(result.out).toMatch(/ok {4}node/);
  });

  it('explains a configuration that is not valid', async () => {
    const result = await ground.cli(['doctor', '--json'], { env: { API_PORT: 'x' } });
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

describe('agents apply', () => {
  it('updates what exists and creates what does not', async () => {
    writeFileSync(
      path.join(ground.folder, 'two.yaml'),
      'kind: Agent\nmetadata: { name: old }\n---\nkind: Agent\nmetadata: { name: new }\n',
    );
    ground.answers['PUT /api/v1/agents/old'] = json(200, {});
    ground.answers['POST /api/v1/agents'] = json(201, {});
    const result = await ground.cli(['agents', 'apply', 'two.yaml']);
    expect(result.err).toBe('agent old updated\nagent new created\n');
    expect(ground.calls.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'POST']);
  });
});

describe('workflows', () => {
  const execute = 'POST /api/v1/workflows/weekly/execute';
  const ended = { run_id: 'run_1', status: 'completed', output: { total: 3 } };

  it('run with inputs from flags and a file, and print the output', async () => {
    writeFileSync(path.join(ground.folder, 'in.yaml'), 'topic: ants\nlimit: 2\n');
    ground.answers[execute] = json(200, ended);
    const args = ['workflows', 'run', 'weekly', '--inputs', 'in.yaml', '--input', 'topic=bees'];
    const { code, out } = await ground.cli([
      ...args,
      '--input',
      'tags=["a"]',
      '--timeout',
      '10m',
      '--session',
      's',
    ]);
    expect([code, out]).toEqual([0, 'total: 3\n']);
    expect(ground.calls[0]?.body).toEqual({
      inputs: { topic: 'bees', limit: 2, tags: ['a'] },
      wait: true,
      session_id: 's',
      timeout: '10m',
    });
    expect(parse((await ground.cli(['workflows', 'run', 'weekly', '--json'])).out)).toEqual(ended);
    await ground.cli([
      'workflows',
      'run',
      'weekly',
      '--inputs',
      '{"topic": "ants", "limit": 3}',
      '--input',
      'limit=4',
    ]);
    expect(ground.calls.at(-1)?.body).toMatchObject({ inputs: { topic: 'ants', limit: 4 } });
  });

  it('that fail are no wrong use of the command, and lead to their run', async () => {
    const details = { run_id: 'run_9', status: 'error' };
    for (const [status, code] of [
      [400, 'invalid_request'],
      [403, 'forbidden'],
    ] as const) {
      ground.answers[execute] = json(status, { status, code, detail: 'step "a": no', details });
      const failed = await ground.cli(['workflows', 'run', 'weekly']);
      expect([failed.code, failed.err]).toEqual([1, expect.stringContaining('agent33 runs show run_9')]);
      expect(failed.err).not.toContain('scope');
    }
    ground.answers[execute] = json(400, {
      status: 400,
      code: 'invalid_request',
      detail: 'inputs.n: is missing',
    });
    expect((await ground.cli(['workflows', 'run', 'weekly'])).code).toBe(2);
  });

  it('run on their own with --no-wait; one that outlives the wait is a time-out with its run', async () => {
    const started = { run_id: 'run_1', status: 'queued', location: '/api/v1/runs/run_1' };
    ground.answers[execute] = json(202, started);
    const gone = await ground.cli(['workflows', 'run', 'weekly', '--no-wait', '--json']);
    expect([gone.code, parse(gone.out)]).toEqual([0, started]);
    expect(ground.calls[0]?.body).toMatchObject({ wait: false });
    const waited = await ground.cli(['workflows', 'run', 'weekly']);
    expect([waited.code, waited.err]).toEqual([6, expect.stringContaining('agent33 runs watch run_1')]);
  });

  it.each([
    [['--input', 'topic'], 'expected NAME=VALUE'],
    [['--inputs', 'none.yaml'], 'cannot be read'],
    [['--inputs', '{topic: bees'], 'is no JSON object'],
  ])('refuse %j', async (args, reason) => {
    const { code, err } = await ground.cli(['workflows', 'run', 'weekly', ...args]);
    expect([code, err]).toEqual([2, expect.stringContaining(reason)]);
    expect(ground.calls).toEqual([]);
  });

  it('are drawn and checked without a server', async () => {
    const { out } = await ground.cli(['workflows', 'graph', 'weekly']);
    expect(out).toBe('weekly as terminal\n');
    expect((await ground.cli(['workflows', 'graph', 'weekly', '--mermaid'])).out).toBe('weekly as mermaid\n');
    const missing = await ground.cli(['workflows', 'graph', 'wekly']);
    expect([missing.code, missing.err]).toEqual([4, expect.stringContaining('did you mean "weekly"?')]);
    expect(await ground.cli(['workflows', 'validate'])).toEqual({ code: 0, out: '', err: 'valid: weekly\n' });
    expect((await ground.cli(['workflows', 'validate', 'other'])).code).toBe(2);
    expect(ground.calls).toEqual([]);
  });

  it('list, show, and tell what steps can do', async () => {
    ground.answers['GET /api/v1/workflows'] = json(200, { items: [{ name: 'weekly', steps: 3 }] });
    ground.answers['GET /api/v1/workflows/weekly'] = json(200, { name: 'weekly' });
    ground.answers['GET /api/v1/workflows/actions'] = json(200, {
      items: [{ name: 'wait', description: 'Waits.' }],
    });
    expect((await ground.cli(['workflows', 'list'])).out).toMatch(/NAME +STEPS.*\nweekly +3/);
    expect((await ground.cli(['workflows', 'show', 'weekly'])).out).toBe('name: weekly\n');
    expect((await ground.cli(['workflows', 'actions'])).out).toMatch(/wait +Waits\./);
  });
});

describe('teams', () => {
  it('are listed and run', async () => {
    ground.answers['GET /api/v1/teams'] = json(200, {
      items: [{ name: 'crew', mode: 'route', members: [{ name: 'a' }, { name: 'b' }] }],
    });
    ground.answers['GET /api/v1/teams/crew'] = json(200, { name: 'crew' });
    ground.answers['POST /api/v1/teams/crew/execute'] = hello;
    expect((await ground.cli(['teams', 'list'])).out).toMatch(/crew +route +a, b/);
    expect((await ground.cli(['teams', 'show', 'crew'])).out).toBe('name: crew\n');
    expect((await ground.cli(['teams', 'run', 'crew', '-m', 'hi'])).out).toBe('Hel\nlo.\n');
    expect(ground.calls.at(-1)?.body).toEqual({ input: 'hi', stream: true });
    expect((await ground.cli(['teams', 'run', 'crew', '-m', 'hi', '--inputs', '{}'])).code).toBe(2);
  });
});

describe('serve', () => {
  it('takes host and port from its flags before the environment, and the rest from .env', async () => {
    writeFileSync(path.join(ground.folder, '.env'), 'OLLAMA_DEFAULT_MODEL=mistral\nAPI_HOST=10.0.0.1\n');
    const env = { API_PORT: '1', API_HOST: '::1' };
    const terminal = ground.terminal({ env });
    const served = runCli(['serve', '--port', '2'], terminal.context, cliServices);
    await expect.poll(terminal.talk).toContain('mistral');
    expect(terminal.talk()).toContain('http://::1:2');
    expect(terminal.talk()).toContain(ground.folder);
    terminal.interrupt();
    expect(await served).toBe(0);
  });

  it('lists what is wrong with the configuration and starts nothing', async () => {
    const result = await ground.cli(['serve', '--port', 'x'], { env: { AGENT33_WORKER: 'y?' } });
    expect(result.code).toBe(2);
    expect(result.err).toMatch(/AGENT33_WORKER: found "y\?".*\n.*API_PORT: found "x"/);
  });
});

describe('worker', () => {
  it('turns its flags into settings and says what it does', async () => {
    const terminal = ground.terminal({ env: {} });
    const args = ['worker', '--queues', 'runs,deliveries', '--concurrency', '7', '--port', '9100'];
    const running = runCli(args, terminal.context, cliServices);
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
    const { code, err } = await ground.cli(['worker', ...args]);
    expect([code, err]).toEqual([2, expect.stringContaining(setting)]);
  });

  it('is listed with the others', async () => {
    ground.answers['GET /api/v1/workers'] = json(200, {
      items: [
        { id: 'wrk_1', host: 'h', pid: 7, roles: [], active_runs: 0, heartbeat_age_ms: 1500, alive: true },
      ],
    });
    expect((await ground.cli(['workers', 'list'])).out).toMatch(/wrk_1 +h +7 +none +0 +1\.5 s ago +alive/);
  });
});
