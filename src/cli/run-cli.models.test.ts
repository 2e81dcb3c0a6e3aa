import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CliGround, json } from '../testing/cli-ground.ts';

const ground = new CliGround();
beforeAll(() => ground.open());
afterAll(() => ground.close());
beforeEach(() => ground.begin());
afterEach(() => ground.end());

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
    ground.answers['GET /api/v1/usage?from=7d&team=red&group_by=key'] = json(200, {
      totals: { ...figures, cost_usd: 12.5, unpriced_requests: 3 },
      groups: [
        { by: { key: 'key_1' }, key_name: 'ci', ...figures },
        { by: { key: null }, ...figures, cost_usd: null, unpriced_requests: 3 },
      ],
      truncated: true,
    });
    const { code, out, err } = await ground.cli([
      'models',
      'usage',
      '--by',
      'key',
      '--from',
      '7d',
      '--team',
      'red',
    ]);
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
    ground.answers['GET /api/v1/usage/calls?from=30d&limit=1&model=gpt-5'] = json(200, {
      items: [{ at: '2026-01-01T00:00:00Z', model: 'gpt-5', status: 'ok', cost_usd: 0, duration_ms: 9.6 }],
      next: null,
    });
    const { out } = await ground.cli(['models', 'usage', '--calls', '--limit', '1', '--model', 'gpt-5']);
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
    ground.answers['GET /api/v1/limits'] = json(200, { items: [all, limit] });
    const { out } = await ground.cli(['models', 'budget', 'list']);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['SUBJECT', 'RPM', 'TPM', 'PARALLEL', 'BUDGET', 'SPENT', 'RESERVED', 'BEGINS ANEW', 'FROM'],
      ['key:*', '600', '-', '-', '-', '-', '-', '-', 'agent33.yaml'],
      ['team:red', '5', '-', '-', '$1/1d', '$0.25', '$0', 'soon', 'api'],
      [''],
    ]);
  });

  it('changes of the limits of a subject what is said, and leaves the rest', async () => {
    ground.answers['GET /api/v1/limits/team%3Ared'] = json(200, limit);
    ground.answers['PUT /api/v1/limits/team%3Ared'] = json(200, limit);
    const set = 'models budget set team:red --rpm none --parallel 3 --budget 20/month --budget 1/1h';
    expect((await ground.cli(set.split(' '))).code).toBe(0);
    expect(ground.calls[1]?.body).toEqual({
      rpm: null,
      parallel: 3,
      budgets: [
        { usd: 20, period: 'month' },
        { usd: 1, period: '1h' },
      ],
    });
    for (const wrong of ['', '--rpm 0', '--budget 20', '--budget 20/soon', '--budget 0/1d'])
      expect((await ground.cli(`models budget set team:red ${wrong}`.trim().split(' '))).code, wrong).toBe(2);
  });

  it('resets budgets and removes limits', async () => {
    ground.answers['POST /api/v1/limits/key%3A*/reset'] = json(400, {
      code: 'invalid_request',
      detail: 'name one',
    });
    ground.answers['POST /api/v1/limits/tenant/reset'] = json(200, limit);
    ground.answers['DELETE /api/v1/limits/key%3A*'] = (response) => response.writeHead(204).end();
    expect((await ground.cli(['models', 'budget', 'reset', 'key:*'])).code).toBe(2);
    expect((await ground.cli(['models', 'budget', 'reset', 'tenant'])).err).toContain('begin anew');
    expect((await ground.cli(['models', 'budget', 'remove', 'key:*'])).code).toBe(0);
  });

  it('makes a key with attributes and limits', async () => {
    ground.answers['POST /api/v1/auth/keys'] = json(201, { id: 'key_1', key: 'a33_secret' });
    const create =
      'keys create ci --scopes models:invoke --team red --user ann --tag eu --tag batch --model chat --model gpt-* --rpm 5 --budget 20/month';
    expect((await ground.cli(create.split(' '))).out).toBe('a33_secret\n');
    expect(ground.calls[0]?.body).toEqual({
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

describe('models pull', () => {
  it('tells how far it is, seldom, and what to write', async () => {
    const result = await ground.cli(['models', 'pull', 'llama3.2']);
    expect(result.code).toBe(0);
    expect(result.err).toBe(
      'pulling 1 0 % of 1 MB\npulling 1 20 % of 1 MB\npulling 1 100 % of 1 MB\nsuccess\nllama3.2 is ready at http://ollama.test:11434; agents name it ollama/llama3.2\n',
    );
    expect(JSON.parse((await ground.cli(['models', 'pull', 'llama3.2', '--json'])).out)).toMatchObject({
      model: 'ollama/llama3.2',
    });
  });

  it('says that there is no such model', async () => {
    const result = await ground.cli(['models', 'pull', 'nothing']);
    expect(result.code).toBe(4);
    expect(result.err).toContain('There is no model "nothing" to pull');
  });
});
