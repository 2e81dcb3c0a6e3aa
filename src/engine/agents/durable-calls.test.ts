import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool, ToolResult } from '../../capabilities/tools/index.ts';
import { systemScope, type RunEvent } from '../../protocol/index.ts';
import { FakeModel, type FakeTurnSource } from '../../testing/index.ts';
import type { RunStep } from '../runs/index.ts';
import type { DurableTool } from './durable-tool.ts';
import { runAgentLoop, type AgentLoopDeps, type AgentTurn } from './run-agent-loop.ts';

const parameters = { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] };
const durable = (name: string, more: Partial<DurableTool>): DurableTool => ({
  takesPlace: true,
  tool: { name, description: '', parameters },
  execute: (call, key) => Promise.resolve(ToolResult.ok(`${key}: ${String(call.arguments['message'])}`)),
  ...more,
});
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  parameters: z.strictObject({}),
  effect: 'none',
  execute: () => Promise.resolve(ToolResult.ok('seen')),
});

function run(turns: readonly FakeTurnSource[], turn: Partial<AgentTurn>, deps: Partial<AgentLoopDeps> = {}) {
  const model = new FakeModel({ turns });
  const events: RunEvent[] = [];
  const keys: string[] = [];
  const { signal } = new AbortController();
  const step: RunStep = (key, _kind, work) => {
    keys.push(key);
    return work({
      attempt: 1,
      idempotencyKey: key,
      signal,
      emit: (event) => events.push(event),
      recordUsage: () => {},
    });
  };
  const result = runAgentLoop(
    {
      model: { name: 'm' },
      messages: [{ role: 'user', content: 'go' }],
      tools: [],
      clientTools: [],
      settings: {},
      outputSchema: undefined,
      limits: { maxSteps: 5, maxToolCalls: 10, parallelTools: 4 },
      ...turn,
    },
    {
      models: { stream: (_, request, options) => model.stream({ ...request, model: 'm' }, options) },
      step,
      caller: { scope: systemScope },
      signal,
      executeTool: (one, call) => one.execute(call.arguments, undefined as never),
      ...deps,
    },
  );
  const results = () =>
    model.lastCall?.messages.flatMap((message) => (message.role === 'tool' ? [message.content] : []));
  return { result, model, events, keys, results };
}

const asks = (...messages: readonly string[]): FakeTurnSource => ({
  toolCalls: messages.map((message) => ({ name: 'ask', arguments: { message } })),
});

describe('a durable tool', () => {
  it('is executed outside of steps, with the key of its call, and told of once', async () => {
    const { result, events, keys, results } = run([asks('a', 'b'), 'done'], {
      durableTools: [durable('ask', {})],
    });
    await result;
    expect(results()).toEqual(['tool:1:0: a', 'tool:1:1: b']);
    expect(keys).toEqual(['model:1', 'model:2']);
    expect(events.filter((event) => event.type.startsWith('tool'))).toMatchObject([
      { type: 'tool-call', step: 'tool:1:0' },
      { type: 'tool-call', step: 'tool:1:1' },
      { type: 'tool-result', step: 'tool:1:0', ok: true },
      { type: 'tool-result', step: 'tool:1:1', ok: true },
    ]);
  });

  it('gets no arguments that do not fit, and counts as a call', async () => {
    const { result, results } = run([{ toolCalls: [{ name: 'ask' }, { name: 'ask' }] }, 'done'], {
      durableTools: [durable('ask', { execute: () => Promise.reject(new Error('executed')) })],
      limits: { maxSteps: 5, maxToolCalls: 1, parallelTools: 4 },
    });
    await result;
    expect(results()).toEqual([
      'the arguments do not fit: message: is missing',
      expect.stringContaining('used up'),
    ]);
  });

  it('takes a place among the calls at work, unless it only waits', async () => {
    const never = durable('wait', { takesPlace: false, execute: () => new Promise(() => {}) });
    const first = Promise.withResolvers<ToolResult>();
    const begun: string[] = [];
    const work = durable('ask', {
      execute: (_call, key) => {
        begun.push(key);
        return key === 'tool:1:1' ? first.promise : Promise.resolve(ToolResult.ok('second'));
      },
    });
    const { model } = run(
      [
        {
          toolCalls: [
            { name: 'wait', arguments: { message: '' } },
            { name: 'ask', arguments: { message: '' } },
            { name: 'ask', arguments: { message: '' } },
          ],
        },
        'never said',
      ],
      { durableTools: [never, work], limits: { maxSteps: 5, maxToolCalls: 10, parallelTools: 1 } },
    );
    await expect.poll(() => begun).toEqual(['tool:1:1']);
    first.resolve(ToolResult.ok('first'));
    await expect.poll(() => begun).toEqual(['tool:1:1', 'tool:1:2']);
    expect(model.calls).toHaveLength(1);
  });

  it('is neither executed nor told of beside a call that the caller has to make', async () => {
    const { result, events } = run(
      [{ toolCalls: [{ name: 'ask', arguments: { message: 'x' } }, { name: 'theirs' }] }],
      {
        durableTools: [durable('ask', { execute: () => Promise.reject(new Error('executed')) })],
        clientTools: [{ name: 'theirs', description: '', parameters: { type: 'object' } }],
      },
    );
    expect((await result).output.toolCalls).toMatchObject([{ name: 'theirs' }]);
    expect(events.filter((event) => event.type === 'tool-call')).toEqual([]);
  });
});

describe('a call that is refused before its step', () => {
  it('makes no step; the model and whoever watches are told why', async () => {
    const { result, keys, events, results } = run(
      [{ toolCalls: [{ name: 'look' }] }, 'ok'],
      { tools: [look] },
      { approveCall: (_tool, _call, key) => Promise.resolve(ToolResult.fail(`no to ${key}`)) },
    );
    await result;
    expect(keys).toEqual(['model:1', 'model:2']);
    expect(results()).toEqual(['no to tool:1:0']);
    expect(events.filter((event) => event.type.startsWith('tool'))).toMatchObject([
      { type: 'tool-call' },
      { type: 'tool-result', ok: false, preview: 'no to tool:1:0' },
    ]);
  });
});

it('no model call is made once the spending says no, and what was spent is known to it', async () => {
  let spent = 0;
  const { result, model } = run(
    [{ toolCalls: [{ name: 'look' }], usage: { costUsd: 0.5 } }, 'never said'],
    { tools: [look] },
    {
      spending: {
        check: () => {
          if (spent > 0) throw new Error(`spent ${spent}`);
        },
        add: (usage) => {
          spent += usage.costUsd ?? 0;
        },
      },
    },
  );
  await expect(result).rejects.toThrow('spent 0.5');
  expect(model.calls).toHaveLength(1);
});

it('a quiet turn streams nothing to people', async () => {
  const { result, events } = run([{ reasoning: 'hm', text: 'yes' }], { quiet: true });
  expect((await result).output.text).toBe('yes');
  expect(events).toEqual([]);
});
