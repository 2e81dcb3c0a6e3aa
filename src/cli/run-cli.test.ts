import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CliGround, cliServices, json } from '../testing/cli-ground.ts';
import { runCli } from './run-cli.ts';

const ground = new CliGround();
beforeAll(() => ground.open());
afterAll(() => ground.close());
beforeEach(() => ground.begin());
afterEach(() => ground.end());

describe('which server', () => {
  it('is the one that the project’s server wrote down, with its key', async () => {
    mkdirSync(path.join(ground.folder, 'agents'));
    mkdirSync(path.join(ground.folder, '.agent33'));
    writeFileSync(
      path.join(ground.folder, '.agent33', 'credentials.json'),
      JSON.stringify({ url: ground.url, api_key: 'a33_stored' }),
    );
    ground.answers['GET /v1/models'] = json(200, { data: [{ id: 'm', owned_by: 'x' }] });
    expect((await ground.cli(['models', 'list'], { env: {} })).code).toBe(0);
    expect(ground.calls[0]?.key).toBe('Bearer a33_stored');
  });

  it('never gets the key that is stored for another one', async () => {
    mkdirSync(path.join(ground.folder, 'agents'));
    mkdirSync(path.join(ground.folder, '.agent33'));
    const stored = { url: 'http://127.0.0.1:9', api_key: 'a33_stored' };
    writeFileSync(path.join(ground.folder, '.agent33', 'credentials.json'), JSON.stringify(stored));
    await ground.cli(['models', 'list']);
    expect(ground.calls[0]?.key).toBeUndefined();
  });

  it('gets the key of the flag before that of the environment', async () => {
    await ground.cli(['models', 'list', '--api-key', 'a33_flag'], {
      env: { AGENT33_URL: ground.url, AGENT33_API_KEY: 'a33_environment' },
    });
    expect(ground.calls[0]?.key).toBe('Bearer a33_flag');
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
    ground.answers['GET /api/v1/agents/x'] = json(status, { code: 'c', detail: 'the reason' });
    const result = await ground.cli(['agents', 'show', 'x']);
    expect(result.code).toBe(code);
    expect(result.err).toContain('the reason');
    expect(result.out).toBe('');
  });

  it('says how to start a server when none answers', async () => {
    const result = await ground.cli(['status', '--url', 'http://127.0.0.1:1']);
    expect(result.code).toBe(7);
    expect(result.err).toContain('agent33 serve');
  });

  it.each([['nonsense'], ['runs', 'show'], ['agents', 'list', '-o', 'xml'], ['status', '--url', 'ftp://x']])(
    'calls %s wrong usage',
    async (...args) => {
      expect((await ground.cli(args)).code).toBe(2);
    },
  );

  it('answers help and version with success', async () => {
    expect(await ground.cli(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    expect((await ground.cli(['runs', '--help'])).out).toContain('cancel');
  });

  it('prints errors as problem objects with --json, naming each field', async () => {
    ground.answers['POST /api/v1/auth/keys'] = json(400, {
      code: 'invalid_request',
      detail: 'not valid',
      issues: [{ path: 'name', message: 'too long' }],
    });
    const result = await ground.cli(['keys', 'create', 'x', '--json']);
    expect(JSON.parse(result.err)).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await ground.cli(['keys', 'create', 'x'])).err).toContain('  - name: too long');
  });

  it('is 130 after an interrupt', async () => {
    const terminal = ground.terminal();
    ground.answers['GET /api/v1/agents'] = () => terminal.interrupt();
    expect(await runCli(['agents', 'list'], terminal.context, cliServices)).toBe(130);
  });
});

describe('status', () => {
  it('shows each service, and fails when the server is unhealthy', async () => {
    const health = { status: 'unhealthy', services: { database: 'down', bus: 'ok' } };
    ground.answers['GET /health'] = json(503, { ...health, details: { database: { detail: 'disk full' } } });
    const result = await ground.cli(['status']);
    expect(result.code).toBe(1);
    expect(result.out).toMatch(/SERVICE +STATUS +DETAIL\ndatabase +down +disk full\nbus +ok +-\n/);
  });
});

describe('forms of output', () => {
  beforeEach(() => {
    ground.answers['GET /api/v1/runs?limit=20'] = json(200, {
      runs: [{ id: 'run_1', status: 'completed', target: { kind: 'agent', name: 'a' } }],
      next: null,
    });
  });

  it('is a table for people', async () => {
    expect((await ground.cli(['runs', 'list'])).out.split('\n')[1]).toMatch(/^run_1 +completed +a/);
  });

  it('is JSON, lines of JSON, or YAML where asked', async () => {
    const [row] = JSON.parse((await ground.cli(['runs', 'list', '--json'])).out) as unknown[];
    expect(row).toMatchObject({ id: 'run_1' });
    expect(JSON.parse((await ground.cli(['runs', 'list', '-o', 'jsonl'])).out)).toEqual(row);
    expect(parse((await ground.cli(['-o', 'yaml', 'runs', 'list'])).out)).toEqual([row]);
  });
});

describe('completion', () => {
  it('offers commands, options and ids of the server', async () => {
    ground.answers['GET /api/v1/agents'] = json(200, { agents: [{ name: 'helper' }, { name: 'other' }] });
    expect((await ground.cli(['__complete', 'sta'])).out).toBe('status\n');
    expect((await ground.cli(['__complete', 'runs', ''])).out.split('\n')).toContain('cancel');
    expect((await ground.cli(['__complete', 'run', '--inp'])).out).toBe('--inputs\n');
    expect((await ground.cli(['__complete', 'chat', 'he'])).out).toBe('helper\n');
  });

  it('is silent without a server', async () => {
    const result = await ground.cli(['__complete', 'chat', ''], {
      env: { AGENT33_URL: 'http://127.0.0.1:1' },
    });
    expect(result).toEqual({ code: 0, out: '', err: '' });
  });

  it.each(['bash', 'zsh', 'fish'])('has a script for %s', async (shell) => {
    expect((await ground.cli(['completion', shell])).out).toContain('agent33 __complete');
  });
});
