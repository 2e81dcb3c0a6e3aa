import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError, systemClock, type Json } from '../../../base/index.ts';
import { defineTool, ToolResult } from '../../../capabilities/tools/index.ts';
import type { ChildOutcome } from '../../runs/index.ts';
import { FakeClock } from '../../../testing/index.ts';
import { openWorkflow, testAction, type WorkflowGroundOptions } from '../../../testing/workflow-ground.ts';
import { createActionRegistry } from '../action-registry.ts';

let projectDir: string;
let server: Server;
let origin: string;
const requests: { readonly request: IncomingMessage; readonly body: string }[] = [];
let answer: { status: number; headers?: Record<string, string>; body: string } = { status: 200, body: '' };

beforeAll(async () => {
  projectDir = await realpath(await mkdtemp(path.join(tmpdir(), 'agent33-actions-')));
  await mkdir(path.join(projectDir, 'sub'));
  await symlink('/', path.join(projectDir, 'way-out'));
  await writeFile(path.join(projectDir, 'say.sh'), '#!/bin/sh\necho "said $1"\n', { mode: 0o755 });
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      requests.push({ request, body });
      response
        .writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
        .end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(projectDir, { recursive: true, force: true });
});

/** A workflow of one step. */
const one = (action: string, inputs: object, options: WorkflowGroundOptions = {}, more: object = {}) =>
  openWorkflow(
    `steps: ${JSON.stringify([{ id: 'a', action, inputs, ...more }])}`,
    {},
    {
      projectDir,
      clock: systemClock,
      ...options,
    },
  );

describe('run_command', () => {
  const allow = ['sh', 'cat', './say.sh', 'env', 'sleep', 'pwd'];
  const run = (inputs: object, options: WorkflowGroundOptions = {}, more = {}) =>
    one('run_command', inputs, { commands: { allow }, ...options }, more);

  it('executes an allowed program with its words as they are', async () => {
    const ground = await run({
      command: ['sh', '-c', 'printf "%s|" "$@"; cat; exit 0', 'x', 'a b', '$HOME;ls'],
      stdin: 'in',
    });
    expect(await ground.output()).toEqual({
      exit_code: 0,
      signal: null,
      stdout: 'a b|$HOME;ls|in',
      stderr: '',
      truncated: false,
    });
  });

  it.each([
    [
      'nothing, where the project allows nothing',
      { commands: { allow: [] } },
      { command: ['sh'] },
      'forbidden',
      /spec\.commands\.allow .* names no program/,
    ],
    ['no other program', {}, { command: ['shh'] }, 'forbidden', /"shh" is not among .*did you mean "sh"/],
    ['not an allowed name by its path', {}, { command: ['/bin/sh'] }, 'forbidden', /not among/],
    ['nothing outside the project', {}, { command: ['pwd'], cwd: '../' }, 'forbidden', /outside the project/],
    [
      'nothing outside by a link',
      {},
      { command: ['pwd'], cwd: 'way-out/tmp' },
      'forbidden',
      /outside the project/,
    ],
    [
      'no missing folder',
      {},
      { command: ['pwd'], cwd: 'nowhere' },
      'not_found',
      /there is no folder "nowhere"/,
    ],
    [
      'no missing program',
      { commands: { allow: ['no-such-thing'] } },
      { command: ['no-such-thing'] },
      'not_found',
      /no program/,
    ],
  ])('executes %s', async (_what, options, inputs, code, message) => {
    const error = await (await run(inputs, options)).failure();
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('works in a folder of the project, with programs of the project', async () => {
    expect(await (await run({ command: ['pwd'], cwd: 'sub' })).output()).toMatchObject({
      stdout: `${projectDir}/sub\n`,
    });
    expect(await (await run({ command: ['./say.sh', 'hi'], cwd: 'sub' })).output()).toMatchObject({
      stdout: 'said hi\n',
    });
  });

  it('gives on PATH, HOME, LANG, what the project names and what the step says, and nothing else', async () => {
    const environment = { PATH: process.env['PATH'] ?? '', HOME: '/home/x', SECRET: 's3cret', SHARED: 'ok' };
    const ground = await run(
      { command: ['env'], env: { OWN: '1' } },
      { environment, commands: { allow, environment: ['SHARED'] } },
    );
    const { stdout } = (await ground.output()) as { stdout: string };
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0] ?? '')
        .toSorted(),
    ).toEqual(['HOME', 'OWN', 'PATH', 'SHARED']);
  });

  it.each(['PATH', 'LD_PRELOAD', 'DYLD_INSERT_LIBRARIES', 'NODE_OPTIONS', 'BASH_ENV'])(
    'lets no step set %s, which decides what an allowed name executes',
    async (name) => {
      const ground = await run({ command: ['sh', '-c', 'true'], env: { [name]: `${projectDir}/sub` } });
      expect(await ground.failure()).toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining(`inputs.env: "${name}"`),
      });
    },
  );

  it('waits no longer than allowed for a process that left the group and holds the pipes', async () => {
    const leaves = `require('child_process').spawn('sleep', ['8'], { detached: true, stdio: 'inherit' }).unref()`;
    const began = performance.now();
    const ground = await run(
      { command: [process.execPath, '-e', leaves], timeout: 1500 },
      { commands: { allow: [process.execPath] } },
    );
    expect(await ground.failure()).toMatchObject({ code: 'timeout' });
    expect(performance.now() - began).toBeLessThan(6000);
  });

  it('fails with the exit code and what was said, unless it is not checked', async () => {
    const command = ['sh', '-c', 'echo broken >&2; exit 3'];
    expect(await (await run({ command })).failure()).toMatchObject({
      code: 'upstream_error',
      message: 'step "a": "sh" exited with 3: broken',
      details: { exit_code: 3 },
    });
    expect(await (await run({ command, check: false })).output()).toMatchObject({
      exit_code: 3,
      stderr: 'broken\n',
    });
  });

  it('keeps no more output than allowed', async () => {
    const ground = await run({
      command: ['sh', '-c', 'head -c 300000 /dev/zero | tr "\\0" x'],
      max_output: 1000,
    });
    expect(await ground.output()).toMatchObject({ stdout: 'x'.repeat(1000), truncated: true });
  });

  it('ends the whole group of processes when its time is over, or the run is stopped', async () => {
    const marker = path.join(projectDir, 'still-there');
    const command = ['sh', '-c', `(sleep 2; echo x > ${marker}) & sleep 30`];
    const began = performance.now();
    const late = await (await run({ command, timeout: 200 })).failure();
    expect(late).toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/did not end within 200 ms/),
    });
    const stopped = new AbortController();
    const ground = await run({ command });
    const over = ground.execute(stopped.signal).catch((error: unknown) => error);
    setTimeout(() => stopped.abort(new AppError('cancelled', 'enough')), 200);
    expect(await over).toMatchObject({ code: 'cancelled' });
    expect(performance.now() - began).toBeLessThan(5000);
    await systemClock.sleep(2300);
    await expect(realpath(marker)).rejects.toThrow(/ENOENT/);
  });

  it('is not repeated when a crash left it in doubt, unless it says it may be', async () => {
    const { program } = await run({ command: ['pwd'] });
    const action = program.body.nodes[0]?.action;
    if (action?.mode !== 'step') throw new Error('expected a step action');
    expect(action.effect({ command: ['pwd'] })).toBe('unkeyed');
    expect(action.effect({ command: ['pwd'], idempotent: true })).toBe('keyed');
  });
});

describe('http_request', () => {
  const call = (inputs: object, options: WorkflowGroundOptions = {}) => {
    requests.length = 0;
    return one('http_request', { domains: ['127.0.0.1'], ...inputs }, options);
  };

  it('sends JSON with headers, query and an idempotency key, and reads JSON', async () => {
    answer = { status: 201, body: '{"id": 7}' };
    const ground = await call({
      method: 'POST',
      url: `${origin}/orders?x=1`,
      query: { y: 'a b', z: 2 },
      headers: { Authorization: 'Bearer t' },
      json: { n: 1 },
    });
    expect(await ground.output()).toMatchObject({ status: 201, body: { id: 7 } });
    const [sent] = requests;
    expect(sent?.body).toBe('{"n":1}');
    expect(sent?.request).toMatchObject({ method: 'POST', url: '/orders?x=1&y=a+b&z=2' });
    expect(sent?.request.headers).toMatchObject({
      authorization: 'Bearer t',
      'content-type': 'application/json',
      'idempotency-key': 'run_memory:a',
    });
  });

  it.each([
    [503, true],
    [404, false],
  ])('fails on %d, retryable: %s', async (status, retryable) => {
    answer = { status, body: '{"why":"no"}' };
    expect(await (await call({ url: origin })).failure()).toMatchObject({
      code: 'upstream_error',
      retryable,
      message: expect.stringMatching(new RegExp(`answered ${status}: \\{"why":"no"\\}`)),
      details: { status },
    });
  });

  it('takes other statuses for success when told so', async () => {
    answer = { status: 404, body: '{}' };
    expect(await (await call({ url: origin, expect_status: [404] })).output()).toMatchObject({ status: 404 });
  });

  it.each([
    ['no host is named', { domains: [], url: 'https://example.com' }, /no host is allowed/],
    ['the host is not among them', { domains: ['example.com'], url: 'https://example.org' }, /example\.org/],
    [
      'it is an address of a private network',
      { domains: ['10.0.0.1'], url: 'http://10.0.0.1/' },
      /private|not allowed|10\.0\.0\.1/,
    ],
  ])('refuses to go where %s', async (_what, inputs, message) => {
    expect(await (await call(inputs)).failure()).toMatchObject({
      code: 'egress_denied',
      message: expect.stringMatching(message),
    });
  });

  it('takes hosts of the project, and none that an expression names', async () => {
    answer = { status: 200, body: '"fine"' };
    expect(
      await (await call({ url: origin, domains: [] }, { domains: ['127.0.0.1'] })).output(),
    ).toMatchObject({ body: 'fine' });
    const ground = await openWorkflow(
      `inputs: {host: string}\nsteps: [{id: a, action: http_request, inputs: {url: "${origin}", domains: ["{{ inputs.host }}"]}}]`,
      { host: '127.0.0.1' },
      { clock: systemClock },
    );
    expect((await ground.failure()).code).toBe('egress_denied');
  });
});

describe('validate', () => {
  const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 1 } }, required: ['n'] };
  const rules = [
    { condition: 'value.n < 10', message: 'n is too large' },
    { expression: '{{ value.n % 2 == 0 }}', message: 'n is odd' },
  ];
  it('tells every fault of schema and rules', async () => {
    const fine = await one('validate', { value: { n: 4 }, schema, rules });
    expect(await fine.output()).toEqual({ valid: true, errors: [] });
    const told = await one('validate', { value: { n: 11 }, schema, rules, fail: false });
    expect(await told.output()).toEqual({ valid: false, errors: ['n is too large', 'n is odd'] });
    const failed = await one('validate', { value: { n: 0 }, schema });
    expect(await failed.failure()).toMatchObject({
      code: 'invalid_request',
      details: { errors: ['n: must be >= 1'] },
    });
  });
});

describe('transform', () => {
  it.each<[string, object, Json]>([
    ['an expression, which keeps its type', { expression: 'input.a + 1', input: { a: 2 } }, 3],
    ['an expression in braces', { expression: '{{ [1, 2]|length }}' }, 2],
    ['a template, which is a text', { template: 'n={{ input }}', input: 5 }, 'n=5'],
    [
      'a template of one expression, which is a text all the same',
      { template: '{{ input }}', input: 5 },
      '5',
    ],
  ])('evaluates %s', async (_what, inputs, expected) => {
    expect(await (await one('transform', inputs)).output()).toEqual(expected);
  });

  it('never evaluates what comes in as a value', async () => {
    const ground = await openWorkflow(
      'inputs: {t: string}\nsteps: [{id: a, action: transform, inputs: {template: "{{ input }}", input: "{{ inputs.t }}"}}]',
      { t: '{{ inputs.secret }}' },
    );
    expect(await ground.output()).toBe('{{ inputs.secret }}');
  });

  it('hands JSONata its input, or all that is visible', async () => {
    const seen: [string, Json][] = [];
    const options: WorkflowGroundOptions = {
      jsonata: () => ({
        evaluate: (expression, input) => {
          seen.push([expression, input]);
          return Promise.resolve('made');
        },
      }),
    };
    expect(await (await one('transform', { jsonata: '$sum(x)', input: { x: [1] } }, options)).output()).toBe(
      'made',
    );
    await (await one('transform', { jsonata: 'inputs' }, options)).output();
    expect(seen).toMatchObject([
      ['$sum(x)', { x: [1] }],
      ['inputs', { inputs: {}, variables: {}, run: { id: 'run_memory' } }],
    ]);
  });

  it('wants exactly one of them', async () => {
    const error = await (await one('transform', { expression: '1', template: 'x' })).failure();
    expect(error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/exactly one of/),
    });
  });
});

describe('call_tool', () => {
  const double = defineTool({
    name: 'double',
    description: 'Doubles.',
    parameters: z.strictObject({ n: z.number() }),
    effect: 'unkeyed',
    execute: ({ n }, context) =>
      Promise.resolve(
        n < 0
          ? ToolResult.fail('no negatives', 'invalid_request')
          : ToolResult.ok(`${2 * n}`, { data: { for: context.scope.principal } }),
      ),
  });
  it('calls it with the scope of the run, under governance', async () => {
    const options = { tools: [double] };
    expect(await (await one('call_tool', { tool: 'double', arguments: { n: 4 } }, options)).output()).toEqual(
      {
        content: '8',
        data: { for: 'test' },
      },
    );
    expect(
      await (await one('call_tool', { tool: 'double', arguments: { n: 'x' } }, options)).failure(),
    ).toMatchObject({
      code: 'invalid_request',
    });
    expect(
      await (await one('call_tool', { tool: 'double', arguments: { n: -1 } }, options)).failure(),
    ).toMatchObject({
      code: 'invalid_request',
      message: 'step "a": tool "double": no negatives',
    });
    const powerless = { ...options, scope: { tenant: 'default', principal: 'p', scopes: [] } };
    expect(
      (await (await one('call_tool', { tool: 'double', arguments: { n: 1 } }, powerless)).failure()).code,
    ).toBe('tool_denied');
    expect(await (await one('call_tool', { tool: 'dubble' }, options)).failure()).toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/did you mean "double"/),
    });
  });
});

describe('child runs', () => {
  const ended = (outcome: Partial<ChildOutcome>): WorkflowGroundOptions & { asked: unknown[] } => {
    const asked: unknown[] = [];
    return {
      asked,
      onChild: (target, input) => {
        asked.push([target, input]);
        return Promise.resolve({
          status: 'completed',
          output: null,
          usage: { inputTokens: 0, outputTokens: 0, costUsd: null },
          error: null,
          ...outcome,
        });
      },
    };
  };

  it('of an agent give its answer, in snake_case, with its run', async () => {
    const options = ended({
      output: { text: 'hi', citations: [], model: 'm', finishReason: 'stop', steps: 1 },
    });
    const ground = await one(
      'invoke_agent',
      { agent: 'writer', message: 'go', variables: { x: 1 } },
      options,
    );
    expect(await ground.output()).toEqual({
      text: 'hi',
      citations: [],
      model: 'm',
      finish_reason: 'stop',
      steps: 1,
      run_id: 'run_of_a',
    });
    expect(options.asked).toEqual([
      [
        { kind: 'agent', name: 'writer' },
        { message: 'go', variables: { x: 1 } },
      ],
    ]);
  });

  it('of an agent are held to the schema that the step names', async () => {
    const schema = { type: 'object', required: ['city'] };
    const options = ended({ output: { text: '{}', object: {} } });
    const error = await (
      await one('invoke_agent', { agent: 'writer', input: { q: 1 }, output_schema: schema }, options)
    ).failure();
    expect(error).toMatchObject({
      code: 'output_invalid',
      message: expect.stringMatching(/city: is missing/),
    });
    expect(options.asked).toMatchObject([[{}, { message: '{"q":1}', outputSchema: schema }]]);
  });

  it('of a team and a workflow take theirs', async () => {
    const team = ended({ output: { text: 'hi', members: [] } });
    expect(await (await one('invoke_team', { team: 'desk', message: 'go' }, team)).output()).toMatchObject({
      text: 'hi',
      run_id: 'run_of_a',
    });
    const other = ended({ output: { n: 1 } });
    expect(
      await (await one('run_workflow', { workflow: 'other', inputs: { k: 2 } }, other)).output(),
    ).toEqual({ n: 1 });
    expect(other.asked).toEqual([[{ kind: 'workflow', name: 'other' }, { k: 2 }]]);
  });

  it('that fail say which, with their own cause', async () => {
    const error = new AppError('model_unavailable', 'no model', { details: { step: 'inner' } }).toJSON();
    const failed = await one(
      'invoke_agent',
      { agent: 'writer', message: 'go' },
      ended({ status: 'failed', error }),
    );
    expect(await failed.failure()).toMatchObject({
      code: 'model_unavailable',
      message: 'step "a": agent "writer": no model',
      details: { step: 'a', run_id: 'run_of_a', cause: { step: 'inner' } },
    });
  });
});

describe('publish_event', () => {
  it('publishes under an id of its own, and says how many were told', async () => {
    const published: unknown[] = [];
    const ground = await one(
      'publish_event',
      { name: 'orders.paid', payload: { n: 1 } },
      {
        clock: new FakeClock(),
        events: {
          publish: (scope, event) => {
            published.push([scope.tenant, event]);
            return Promise.resolve(3);
          },
        },
      },
    );
    expect(await ground.output()).toEqual({ delivered: 3 });
    expect(published).toEqual([['default', { id: 'run_memory:a', name: 'orders.paid', payload: { n: 1 } }]]);
  });

  it.each(['a..b', 'a.', '.a', 'a b', ''])(
    'refuses the name %j before the event store does',
    async (name) => {
      const events = { publish: () => Promise.reject(new Error('must not be reached')) };
      const ground = await one(
        'publish_event',
        { name: `{{ '${name}' }}` },
        { clock: new FakeClock(), events },
      );
      expect(await ground.failure()).toMatchObject({
        code: 'invalid_request',
        message: expect.stringMatching(/inputs\.name/),
      });
    },
  );
});

describe('the registry of actions', () => {
  it('refuses a name that is taken and what is no action, and names the nearest', () => {
    const registry = createActionRegistry([testAction('greet', () => null)]);
    expect(() => registry.register(testAction('greet', () => null))).toThrow(/"greet" is registered already/);
    expect(() => registry.register({ name: 'Bad Name' } as never)).toThrow(
      /name: expected snake_case; description:.*inputs:.*output:.*mode:/,
    );
    expect(() => registry.get('gret')).toThrow(/no action "gret" — did you mean "greet"/);
    expect(registry.list().map((action) => action.name)).toEqual(['greet']);
  });
});
