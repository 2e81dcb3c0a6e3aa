import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/base/index.ts';
import { ask, call, notingTool, scope, TeamGround } from './team-ground.ts';

const ground = new TeamGround();
const done: string[] = [];
beforeAll(async () => {
  ground.tools.register(notingTool('ask_helper', done));
  ground.workflows = {
    snapshot: (_scope, name) => Promise.resolve({ hash: name, definition: name, timeoutMs: 60_000 }),
    execute: (_definition, { input }) =>
      Promise.resolve({ output: { zeta: 1, got: input }, text: '', messages: [] }),
  };
  await ground.start();
});
afterAll(() => ground.close());

describe('an agent that gives work to others', () => {
  it('runs them as children, side by side, and adds up what they use', async () => {
    const [one, two] = [ground.agent(ground.unique('one'), ['1']), ground.agent(ground.unique('two'), ['2'])];
    const name = ground.agent(ground.unique('boss'), [ask([one, 'a'], [two, 'b']), 'both'], {
      delegates: [{ agent: one }, { agent: two }],
    });
    const runId = await ground.submit({ kind: 'agent', name });
    const { text, usage } = await ground.response(runId);
    expect(text).toBe('both');
    expect(usage).toMatchObject({ inputTokens: 40, outputTokens: 20 });
    expect(await ground.children(runId)).toMatchObject([{ key: 'tool:1:0' }, { key: 'tool:1:1' }]);
    expect(ground.model(name).calls[0]?.tools).toMatchObject([
      {
        name: `ask_${one}`,
        description: `Gives a task to the agent "${one}" and returns its answer: The ${one}.`,
        parameters: { required: ['message'] },
      },
      { name: `ask_${two}` },
    ]);
  });

  it('runs workflows with their inputs as parameters', async () => {
    const flow = ground.define('workflow', ground.unique('flow'), {
      description: 'Sends a report.',
      inputs: {
        topic: 'string',
        pages: { type: 'integer', default: 2 },
        tag: { type: 'string', required: false },
      },
      steps: [{ id: 'a', action: 'transform' }],
    });
    const name = ground.agent(
      ground.unique('boss'),
      [call(`run_${flow}`, { subject: 'tea' }), call(`run_${flow}`, { topic: 'tea' }), 'sent'],
      { delegates: [{ workflow: flow }] },
    );
    expect((await ground.run('agent', name)).text).toBe('sent');
    const { calls } = ground.model(name);
    expect(calls[0]?.tools?.[0]).toMatchObject({
      name: `run_${flow}`,
      parameters: {
        properties: { topic: { type: 'string' }, pages: { type: 'integer', default: 2 } },
        required: ['topic'],
        additionalProperties: false,
      },
    });
    expect(calls[1]?.messages.at(-1)?.content).toContain('topic: is missing');
    expect(calls[2]?.messages.at(-1)?.content).toBe('{"got":{"topic":"tea"},"zeta":1}');
  });

  it('reads why one of them failed, and goes on', async () => {
    const down = ground.agent(ground.unique('down'), [
      { error: new AppError('model_unavailable', 'no connection') },
    ]);
    const name = ground.agent(ground.unique('boss'), [ask([down, 'x']), 'not today'], {
      delegates: [{ agent: down }],
    });
    expect((await ground.run('agent', name)).text).toBe('not today');
    expect(ground.model(name).lastCall?.messages.at(-1)).toMatchObject({
      isError: true,
      content: `"${down}" did not finish (model_unavailable: no connection)`,
    });
  });

  it('knows each tool by a name of its own', async () => {
    const helper = ground.agent('helper', []);
    ground.define('team', 'helper', { mode: 'route', members: [helper] });
    ground.agent('person', []);
    const name = ground.agent(ground.unique('boss'), ['ok'], {
      tools: ['ask_helper'],
      askPeople: true,
      delegates: [{ agent: 'helper' }, { team: 'helper' }, { agent: 'person' }, { agent: 'helper' }],
    });
    await ground.run('agent', name);
    expect(ground.model(name).lastCall?.tools?.map((tool) => tool.name)).toEqual([
      'ask_helper',
      'ask_person',
      'ask_agent_helper',
      'ask_team_helper',
      'ask_agent_person',
      'ask_helper_2',
    ]);
  });

  it('is refused when it names somebody who does not exist', async () => {
    const name = ground.agent(ground.unique('boss'), [], { delegates: [{ agent: 'helpr' }] });
    await expect(ground.submit({ kind: 'agent', name })).rejects.toMatchObject({
      code: 'invalid_definition',
      message: expect.stringContaining(
        'spec.delegates.0: there is no agent "helpr" — did you mean "helper"?',
      ),
    });
  });

  it('takes those that it gives work to along when it is cancelled', async () => {
    const silent = ground.agent(ground.unique('silent'), [{ hang: true }]);
    const name = ground.agent(ground.unique('boss'), [ask([silent, 'x'])], {
      delegates: [{ agent: silent }],
    });
    const runId = await ground.submit({ kind: 'agent', name });
    await expect.poll(() => ground.model(silent).calls.length, { timeout: 10_000 }).toBe(1);
    await ground.engine.cancel(scope, runId);
    expect(await ground.response(runId)).toMatchObject({ error: { code: 'cancelled' } });
    expect(await ground.children(runId)).toMatchObject([{ status: 'cancelled' }]);
  });

  it('ends a recursion at the depth that runs may be nested, naming the path', async () => {
    const name = ground.unique('loop');
    ground.agent(
      name,
      Array.from({ length: 40 }, (_, index) => (index < 9 ? ask([name, 'again']) : 'enough')),
      { delegates: [{ agent: name }] },
    );
    const { text } = await ground.run('agent', name);
    expect(text).toBe('enough');
    // The root and eight below it; the ninth below was refused.
    const path = Array.from({ length: 10 }, () => `agent ${name}`).join(' → ');
    const refused = ground.model(name).calls.map((one) => String(one.messages.at(-1)?.content));
    expect(refused.filter((one) => one.includes('nested'))).toEqual([expect.stringContaining(path)]);
    const team = ground.unique('ring');
    ground.define('team', team, { mode: 'route', members: [{ team }] });
    const { error } = await ground.run('team', team);
    expect(error).toMatchObject({ code: 'limit_exceeded' });
    expect(error?.message).toMatch(
      new RegExp(`^runs are nested .*: ${Array.from({ length: 10 }, () => `team ${team}`).join(' → ')}$`),
    );
  });
});
