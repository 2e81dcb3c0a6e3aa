import { mkdirSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import { PassThrough } from 'node:stream';
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

describe('run and chat', () => {
  it('streams the answer to standard output and tool calls to standard error', async () => {
    ground.answers['POST /api/v1/agents/helper/execute'] = hello;
    const result = await ground.cli(['run', 'helper', '--inputs', '{"query": "test"}']);
    expect(result).toMatchObject({ code: 0, out: 'Hel\nlo.\n' });
    expect(result.err).toContain('→ clock {"zone":"UTC"}');
    expect(ground.calls[0]?.body).toEqual({ input: { query: 'test' }, stream: true });
  });

  it('fails with the error of the run', async () => {
    const error = { code: 'model_unavailable', message: 'Ollama refused', retryable: true };
    ground.answers['POST /api/v1/agents/helper/execute'] = events([
      'run-end',
      { type: 'run-end', status: 'failed', error },
    ]);
    const result = await ground.cli(['run', 'helper', '-m', 'hi']);
    expect(result.code).toBe(1);
    expect(result.err).toContain('Ollama refused');
  });

  it('prints the whole result with --json, and fails when the run did not complete', async () => {
    ground.answers['POST /api/v1/agents/helper/execute'] = json(200, { run_id: 'r', status: 'failed' });
    const result = await ground.cli(['run', 'helper', '--inputs', '{}', '--json']);
    expect(JSON.parse(result.out)).toEqual({ run_id: 'r', status: 'failed' });
    expect(result.code).toBe(1);
  });

  it('refuses inputs that are no JSON object without calling the server', async () => {
    expect((await ground.cli(['run', 'helper', '--inputs', '{query: x'])).code).toBe(2);
    expect((await ground.cli(['run', 'helper', '--inputs', '@missing.json'])).code).toBe(2);
    expect(ground.calls).toEqual([]);
  });

  it('takes piped text as one message', async () => {
    ground.answers['POST /api/v1/chat'] = hello;
    expect((await ground.cli(['chat', 'helper'], { input: 'good morning\n' })).out).toBe('Hel\nlo.\n');
    expect(ground.calls[0]?.body).toEqual({ agent: 'helper', message: 'good morning', stream: true });
    expect((await ground.cli(['chat'], { input: ' ' })).code).toBe(2);
  });

  it('tells which members of a team work, once, and what the team adds to the words of its lead', async () => {
    const call = { name: 'ask_ben', arguments: {} };
    ground.answers['POST /api/v1/teams/crew/execute'] = events(
      ['step-start', { type: 'step-start', step: 'member:ada', kind: 'run', name: 'ada' }],
      ['tool-call', { type: 'tool-call', step: 'tool:1:0', call }],
      ['step-start', { type: 'step-start', step: 'tool:1:0', kind: 'run', name: 'ben' }],
      ['text-delta', { type: 'text-delta', step: 'model:2', text: 'All agree.' }],
      ['done', { response: 'All agree.\n\nWithout ben.' }],
    );
    const { out, err } = await ground.cli(['teams', 'run', 'crew', '-m', 'go']);
    expect(out).toBe('All agree.\n\nWithout ben.\n');
    expect(err).toBe('· ada\n→ ask_ben {}\n');
  });

  it('talks to a team, not to both', async () => {
    ground.answers['POST /api/v1/chat'] = hello;
    await ground.cli(['chat', '--team', 'crew', '-m', 'hello']);
    expect(ground.calls[0]?.body).toEqual({ team: 'crew', message: 'hello', stream: true });
    expect((await ground.cli(['chat', 'helper', '--team', 'crew', '-m', 'hello'])).code).toBe(2);
  });

  it('keeps the conversation at the terminal until /exit', async () => {
    ground.answers['POST /api/v1/chat'] = hello;
    const typed = new PassThrough();
    typed.write('one\ntwo\n/new\nthree\n/exit\n');
    const terminal = ground.terminal({ typed });
    expect(await runCli(['chat'], terminal.context, cliServices)).toBe(0);
    expect(ground.calls.map(({ body }) => body)).toEqual([
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
    ground.answers['GET /api/v1/approvals/x'] = json(200, asked('apr_x'));
    expect((await ground.cli(['approvals', 'show', 'x'])).out).toContain(
      'File apr_x?\n\naction: write\narguments:\n{\n  "path": "a.md",\n  "content": text of 3 lines:\n    | # A\n    | \n    | body\n}\n',
    );
  });

  it('goes through what waits, the oldest first, and decides about what was shown', async () => {
    const question = { kind: 'question', subject: null, answer_schema: { type: 'integer' } };
    const items = [asked('apr_5'), asked('apr_4', question), asked('apr_3'), asked('apr_2'), asked('apr_1')];
    ground.answers['GET /api/v1/approvals?status=pending&limit=100'] = json(200, { items });
    const decided = (id: string) => `POST /api/v1/approvals/${id}/decision`;
    ground.answers[decided('apr_1')] = json(200, { status: 'approved' });
    ground.answers[decided('apr_3')] = json(409, { code: 'conflict', detail: 'approved by key:other' });
    ground.answers[decided('apr_4')] = json(200, { status: 'answered' });
    const typed = new PassThrough();
    typed.write('what?\na  fine by me\nskip\nr too late\nanswer 12\nq\n');
    const terminal = ground.terminal({ typed });
    expect(await runCli(['approvals', 'review'], terminal.context, cliServices)).toBe(0);
    expect(
      ground.calls.filter(({ method }) => method === 'POST').map(({ url: to, body }) => [to, body]),
    ).toEqual([
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
    expect((await ground.cli(['approvals', 'review'])).code).toBe(2);
  });

  it('cuts a table only where the terminal is narrow', async () => {
    const title = `${'long '.repeat(30)}end?`;
    ground.answers['GET /api/v1/approvals?limit=50&status=pending'] = json(200, {
      items: [{ ...asked('apr_1'), title }],
    });
    expect((await ground.cli(['approvals', 'list'])).out).toContain(title);
    const terminal = ground.terminal();
    Object.assign(terminal.context.stdout, { columns: 100 });
    await runCli(['approvals', 'list'], terminal.context, cliServices);
    const lines = terminal.output().trimEnd().split('\n');
    expect(lines.map((line) => line.length <= 100)).toEqual([true, true]);
    expect(lines[1]).toMatch(/^apr_1 .* long long .*…/);
  });
});

describe('the history of a run', () => {
  it('tells what differs, and fails when a replay does', async () => {
    ground.answers['POST /api/v1/runs/run_1/replay'] = json(200, {
      identical: false,
      steps: 1,
      difference: {
        message: 'step "model:1" differs',
        differences: [{ path: '[0].content', before: 'A', after: 'B' }],
      },
      definition_changes: [{ path: 'spec.instructions', before: 'A', after: 'B' }],
    });
    const { code, out } = await ground.cli(['runs', 'replay', 'run_1', '--current']);
    expect(code).toBe(1);
    expect(ground.calls[0]?.body).toEqual({ against: 'current' });
    expect(out).toBe(
      'step "model:1" differs\n  at [0].content\n    - "A"\n    + "B"\nthe definition changed at spec.instructions\n',
    );
  });

  it('forks with edits, whose values are JSON where they can be', async () => {
    ground.answers['POST /api/v1/runs/run_1/fork'] = json(202, { run_id: 'run_2' });
    const { code, out } = await ground.cli(
      'runs fork run_1 --from b --set inputs.n=3 --set steps.a.output=x=y --model m --effects'.split(' '),
    );
    expect([code, out]).toEqual([0, 'run_2\n']);
    expect(ground.calls[0]?.body).toEqual({
      from: 'b',
      set: { 'inputs.n': 3, 'steps.a.output': 'x=y' },
      model: 'm',
      effects: true,
    });
    expect((await ground.cli(['runs', 'fork', 'run_1', '--from', 'b', '--set', 'nonsense'])).code).toBe(2);
    expect((await ground.cli(['runs', 'fork', 'run_1'])).code).toBe(2);
  });

  it('plays the cassettes of the project, or those that are named', async () => {
    mkdirSync(path.join(ground.folder, 'agents'));
    mkdirSync(path.join(ground.folder, 'cassettes', 'deep'), { recursive: true });
    for (const name of ['good.json', 'deep/bad.json', 'notes.md'])
      writeFileSync(path.join(ground.folder, 'cassettes', name), '{}');
    const all = await ground.cli(['test']);
    expect(all.code).toBe(1);
    expect(all.out).toBe(
      'FAIL  cassettes/deep/bad.json  agent helper\n      differs from current\npass  cassettes/good.json  agent helper\n',
    );
    expect(all.err).toContain('1 passed, 1 failed');
    expect((await ground.cli(['test', 'cassettes/good.json'])).code).toBe(0);
    expect((await ground.cli(['test', '--update'])).err).toContain('1 passed, 1 updated');
    expect((await ground.cli(['test', '--recorded'])).out).toContain('differs from recorded');
    const wire = JSON.parse((await ground.cli(['test', '--json'])).out) as unknown;
    expect(wire).toMatchObject([
      { status: 'failed', faults: ['differs from current'] },
      { status: 'passed' },
    ]);
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
    ground.answers['GET /api/v1/runs/run_1/tree'] = json(200, tree);
    ground.answers['GET /api/v1/runs/run_1/graph'] = json(200, {
      nodes: [
        { id: 'a', label: 'a', kind: 'run', status: 'completed', attempts: 1, run_id: 'run_2' },
        { id: 'b', label: 'b', kind: 'model', status: 'running', attempts: 1 },
      ],
      edges: [{ from: 'a', to: 'b', kind: 'then' }],
    });
    expect((await ground.cli(['runs', 'tree', 'run_1'])).out).toBe(
      'team crew  running  run_1\n└─ agent a  running  run_2\n',
    );
    expect((await ground.cli(['runs', 'graph', 'run_1'])).out).toMatch(/b +b +model +running +1 +- +a +-/);
    expect(parse((await ground.cli(['runs', 'tree', 'run_1', '--json'])).out)).toEqual(tree);
  });

  it('are watched line by line, taken up again when the connection ends, and fail with the run', async () => {
    ground.answers['GET /api/v1/runs/run_1/tree'] = json(200, tree);
    let connections = 0;
    ground.answers['GET /api/v1/runs/run_1/events?tree=true'] = (response) => {
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
    const { code, out, err } = await ground.cli(['runs', 'watch', 'run_1']);
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
