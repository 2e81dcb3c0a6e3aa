import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError, withDeadline, type Json } from '../../base/index.ts';
import { defineTool, ToolResult, type Tool } from '../../capabilities/tools/index.ts';
import { addUsage, noUsage, systemScope, type RunEvent, type Usage } from '../../protocol/index.ts';
import { FakeClock, FakeModel, type FakeTurnSource } from '../../testing/index.ts';
import type { RunStep } from '../runs/index.ts';
import { runAgentLoop, type AgentLoopDeps, type AgentTurn } from './run-agent-loop.ts';

function tool(name: string, execute: Tool['execute'], more: Partial<Tool> = {}): Tool {
  const made = defineTool({
    name,
    description: `The tool ${name}.`,
    parameters: z.strictObject({}),
    effect: 'none',
    execute: () => Promise.resolve(ToolResult.ok('')),
  });
  return { ...made, execute, ...more };
}

/** A run in memory: its journal outlives an execution, as it does in the database. */
function createRun(turns: readonly FakeTurnSource[], turn: Partial<AgentTurn> = {}) {
  const model = new FakeModel({ turns });
  const journal = new Map<string, { input: string; output: Json }>();
  const events: RunEvent[] = [];
  let usage: Usage = noUsage;
  const execute = (options: {
    signal?: AbortSignal;
    onStep?: (key: string) => void;
    executeTool?: AgentLoopDeps['executeTool'];
  }) => {
    const signal = options.signal ?? new AbortController().signal;
    const step: RunStep = async (key, _kind, work, { input }) => {
      options.onStep?.(key);
      const stored = journal.get(key);
      if (stored !== undefined) {
        expect(stored.input, `the input of ${key}`).toBe(JSON.stringify(input));
        return stored.output as Awaited<ReturnType<typeof work>>;
      }
      const output = await work({
        attempt: 1,
        idempotencyKey: key,
        signal,
        emit: (event) => events.push(event),
        recordUsage: (more) => {
          usage = addUsage(usage, more);
        },
      });
      journal.set(key, { input: JSON.stringify(input), output });
      return output;
    };
    return runAgentLoop(
      {
        model: { name: 'fake/fake-model' },
        messages: [{ role: 'user', content: 'go' }],
        tools: [],
        clientTools: [],
        settings: {},
        outputSchema: undefined,
        limits: { maxSteps: 5, maxToolCalls: 10, parallelTools: 4 },
        ...turn,
      },
      {
        models: {
          stream: (reference, request, call) =>
            model.stream({ ...request, model: reference?.name ?? '' }, call),
        },
        step,
        caller: { scope: systemScope },
        signal,
        executeTool: options.executeTool ?? ((one, call) => one.execute(call.arguments, undefined as never)),
      },
    );
  };
  return { model, journal, events, execute, usage: () => usage };
}

const lookTwice = { toolCalls: [{ name: 'look' }, { name: 'look' }] };
const failureOf = (outcome: Promise<unknown>): Promise<unknown> => outcome.catch((error: unknown) => error);

describe('a run that is executed again', () => {
  it('takes finished steps from the journal, under the same keys and inputs, wherever it stopped', async () => {
    const keys = ['model:1', 'tool:1:0', 'tool:1:1', 'model:2', 'tool:2:0', 'model:3'];
    for (const stopAt of keys) {
      let looked = 0;
      const look = tool('look', () => Promise.resolve(ToolResult.ok(`seen ${(looked += 1)}`)));
      const { execute, model, journal } = createRun(
        [lookTwice, { text: 'once more', toolCalls: [{ name: 'look' }] }, 'done'],
        { tools: [look] },
      );
      const crash = new Error('the process ends here');
      const onStep = (key: string): void => {
        if (key === stopAt) throw crash;
      };
      expect(await failureOf(execute({ onStep }))).toBe(crash);
      const { output, added } = await execute({});
      expect(output).toMatchObject({ text: 'done', steps: 3 });
      expect([...journal.keys()].toSorted()).toEqual(keys.toSorted());
      expect(model.calls).toHaveLength(3);
      expect(looked).toBe(3);
      // A third execution finds everything done, and comes to the same.
      expect(await execute({})).toEqual({ output, added });
      expect(model.calls).toHaveLength(3);
    }
  });

  it('tells the model of a call that a crash left in doubt, and does not make it', async () => {
    const pay = tool('pay', () => Promise.reject(new Error('paid twice')), { effect: 'unkeyed' });
    const { execute, model } = createRun([{ toolCalls: [{ name: 'pay' }] }, 'I am not sure.'], {
      tools: [pay],
    });
    const doubt = new AppError('conflict', 'it may or may not have happened');
    const { output } = await execute({ executeTool: () => Promise.reject(doubt) });
    expect(output.text).toBe('I am not sure.');
    expect(model.calls[1]?.messages.at(-1)).toMatchObject({
      role: 'tool',
      content: doubt.message,
      isError: true,
    });
  });

  it('ends, with nothing more asked, when a step fails for any other reason', async () => {
    const { execute, model } = createRun([lookTwice, 'never said'], {
      tools: [tool('look', () => Promise.resolve(ToolResult.ok('')))],
    });
    const away = new AppError('storage_unavailable', 'the database is away');
    expect(await failureOf(execute({ executeTool: () => Promise.reject(away) }))).toBe(away);
    expect(model.calls).toHaveLength(1);
  });
});

describe('what a turn tells while it goes on', () => {
  it('streams text and reasoning as they come, and each tool call with its result', async () => {
    const long = 'x'.repeat(5000);
    const { execute, events } = createRun(
      [
        { reasoning: 'hm', chunks: ['Let me ', 'look.'], toolCalls: [{ name: 'look', id: 'c1' }] },
        { chunks: ['All ', 'well.'] },
      ],
      { tools: [tool('look', () => Promise.resolve(ToolResult.fail(long, 'upstream_error')))] },
    );
    const { output, added } = await execute({});
    expect(events).toEqual([
      { type: 'reasoning-delta', step: 'model:1', text: 'hm' },
      { type: 'text-delta', step: 'model:1', text: 'Let me ' },
      { type: 'text-delta', step: 'model:1', text: 'look.' },
      { type: 'tool-call', step: 'tool:1:0', call: { id: 'c1', name: 'look', arguments: {} } },
      {
        type: 'tool-result',
        step: 'tool:1:0',
        callId: 'c1',
        name: 'look',
        ok: false,
        preview: 'x'.repeat(2000),
      },
      { type: 'text-delta', step: 'model:2', text: 'All ' },
      { type: 'text-delta', step: 'model:2', text: 'well.' },
    ]);
    expect(output.text).toBe('All well.');
    expect(added).toEqual([
      {
        role: 'assistant',
        content: 'Let me look.',
        reasoning: 'hm',
        toolCalls: [{ id: 'c1', name: 'look', arguments: {} }],
      },
      { role: 'tool', toolCallId: 'c1', name: 'look', content: long, isError: true },
      { role: 'assistant', content: 'All well.' },
    ]);
  });

  it('counts tokens and cost over all model calls; a cost that nobody knows is not zero', async () => {
    const look = tool('look', () => Promise.resolve(ToolResult.ok('seen')));
    const priced = createRun(
      [
        { ...lookTwice, usage: { inputTokens: 100, outputTokens: 20, costUsd: 0.5 } },
        { text: 'done', usage: { inputTokens: 150, outputTokens: 30, costUsd: 0.25 } },
      ],
      { tools: [look] },
    );
    await priced.execute({});
    expect(priced.usage()).toEqual({ inputTokens: 250, outputTokens: 50, costUsd: 0.75 });
    const unpriced = createRun([lookTwice, 'done'], { tools: [look] });
    await unpriced.execute({});
    expect(unpriced.usage()).toEqual({ inputTokens: 20, outputTokens: 10, costUsd: null });
  });
});

describe('a turn that is stopped', () => {
  it('ends as cancelled while the model is silent, and while a tool works', async () => {
    const silent = createRun([{ hang: true }]);
    const first = new AbortController();
    const waiting = failureOf(silent.execute({ signal: first.signal }));
    await expect.poll(() => silent.model.calls).toHaveLength(1);
    first.abort(new AppError('cancelled', 'somebody stopped it'));
    expect(await waiting).toMatchObject({ code: 'cancelled', message: 'somebody stopped it' });

    const working = createRun([lookTwice, 'never said'], {
      tools: [tool('look', () => Promise.resolve(ToolResult.ok('')))],
    });
    const second = new AbortController();
    let begun = 0;
    const stopped = failureOf(
      working.execute({
        signal: second.signal,
        executeTool: (_tool, _call, { signal }) => {
          begun += 1;
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          });
        },
      }),
    );
    await expect.poll(() => begun).toBe(2);
    second.abort(new AppError('cancelled', 'somebody stopped it'));
    expect(await stopped).toMatchObject({ code: 'cancelled' });
    expect(working.model.calls).toHaveLength(1);
  });

  it('ends as timed out at its deadline', async () => {
    const clock = new FakeClock();
    const { signal } = withDeadline(clock, 5000);
    const { execute, model } = createRun([{ hang: true }]);
    const outcome = failureOf(execute({ signal }));
    await expect.poll(() => model.calls).toHaveLength(1);
    await clock.advance(4999);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(await outcome).toMatchObject({ code: 'timeout' });
  });

  it('fails when the stream of an answer breaks off, and does not take the half for the whole', async () => {
    const cut = new AppError('upstream_error', 'connection lost');
    const { execute, journal, events } = createRun([{ chunks: ['The answer is'], error: cut }]);
    expect(await failureOf(execute({}))).toBe(cut);
    expect(events).toMatchObject([{ type: 'text-delta', text: 'The answer is' }]);
    expect(journal.size).toBe(0);
  });
});

it('does not execute tools of its own beside a call that the caller has to make', async () => {
  let looked = 0;
  const { execute } = createRun(
    [{ toolCalls: [{ name: 'look' }, { name: 'theirs', arguments: { a: 1 } }] }],
    {
      tools: [tool('look', () => Promise.resolve(ToolResult.ok(`${(looked += 1)}`)))],
      clientTools: [{ name: 'theirs', description: '', parameters: { type: 'object' } }],
    },
  );
  const { output } = await execute({});
  expect(output).toMatchObject({
    toolCalls: [{ name: 'theirs', arguments: { a: 1 } }],
    finishReason: 'tool-calls',
  });
  expect(output.toolCalls).toHaveLength(1);
  expect(looked).toBe(0);
});
