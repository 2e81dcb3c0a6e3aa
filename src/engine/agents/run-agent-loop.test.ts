import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError, type JsonObject } from '../../base/index.ts';
import { defineTool, ToolResult, type Tool } from '../../capabilities/tools/index.ts';
import { systemScope, type StepKind } from '../../protocol/index.ts';
import { FakeModel, type FakeTurnSource } from '../../testing/index.ts';
import type { RunStep } from '../runs/index.ts';
import { runAgentLoop, type AgentTurn } from './run-agent-loop.ts';

const limits = { maxSteps: 5, maxToolCalls: 10, parallelTools: 4 };

function tool(name: string, execute: Tool['execute'], more: Partial<Tool> = {}): Tool {
  const made = defineTool({
    name,
    description: `The tool ${name}.`,
    parameters: z.strictObject({ text: z.string().optional() }),
    effect: 'none',
    execute: () => Promise.resolve(ToolResult.ok('')),
  });
  return { ...made, execute, ...more };
}

const echo = tool('echo', ({ text }) => Promise.resolve(ToolResult.ok(`echo ${String(text)}`)));

/** Runs a turn in memory; the steps it took come back too. */
async function run(turns: readonly FakeTurnSource[], turn: Partial<AgentTurn> = {}) {
  const model = new FakeModel({ turns });
  const steps: { key: string; kind: StepKind; input: unknown; onDoubt: string | undefined }[] = [];
  const usage = { input: 0, output: 0 };
  const controller = new AbortController();
  const step: RunStep = (key, kind, work, { input, onDoubt }) => {
    steps.push({ key, kind, input, onDoubt });
    return work({
      attempt: 1,
      idempotencyKey: key,
      signal: controller.signal,
      emit: () => {},
      recordUsage: (more) => {
        usage.input += more.inputTokens;
        usage.output += more.outputTokens;
      },
    });
  };
  const result = await runAgentLoop(
    {
      model: { name: 'fake/fake-model' },
      messages: [{ role: 'user', content: 'go' }],
      tools: [echo],
      clientTools: [],
      settings: {},
      outputSchema: undefined,
      limits,
      ...turn,
    },
    {
      models: {
        stream: (reference, request, options) =>
          model.stream({ ...request, model: reference?.name ?? '' }, options),
      },
      step,
      caller: { scope: systemScope },
      signal: controller.signal,
      executeTool: (one, call) => one.execute(call.arguments, undefined as never),
    },
  ).catch((error: unknown) => error as AppError);
  return { result, model, steps, usage };
}
const outputOf = (result: Awaited<ReturnType<typeof run>>['result']) => {
  if (result instanceof Error) throw result;
  return result.output;
};
const errorOf = (result: Awaited<ReturnType<typeof run>>['result']): AppError => {
  if (!(result instanceof AppError)) throw new Error('expected an error');
  return result;
};
const call = (name: string, text: string): FakeTurnSource => ({
  toolCalls: [{ name, arguments: { text } }],
});

describe('the agent loop', () => {
  it('goes model, tool, model, answer, each as one step under its own key', async () => {
    const { result, steps, usage, model } = await run([call('echo', 'a'), 'done']);
    expect(outputOf(result)).toMatchObject({ text: 'done', steps: 2, finishReason: 'stop' });
    expect(steps.map(({ key, kind }) => [key, kind])).toEqual([
      ['model:1', 'model'],
      ['tool:1:0', 'tool'],
      ['model:2', 'model'],
    ]);
    expect(usage).toEqual({ input: 20, output: 10 });
    expect(model.calls[1]?.messages.at(-1)).toMatchObject({ role: 'tool', name: 'echo', content: 'echo a' });
  });

  it('runs tools of one answer side by side, those that must be alone apart, results in call order', async () => {
    const log: string[] = [];
    const gates = new Map<string, () => void>();
    const slow = tool('slow', async ({ text }) => {
      log.push(`begin ${String(text)}`);
      await new Promise<void>((resolve) => {
        gates.set(String(text), resolve);
        // The second one to begin lets both go, the later first.
        if (gates.size === 2) for (const open of [...gates.values()].toReversed()) open();
      });
      log.push(`end ${String(text)}`);
      return ToolResult.ok(String(text));
    });
    const alone = tool('alone', () => Promise.resolve(ToolResult.ok(`after ${log.length}`)), {
      parallel: false,
    });
    const { model } = await run(
      [
        {
          toolCalls: [
            { name: 'slow', arguments: { text: 'a' } },
            { name: 'slow', arguments: { text: 'b' } },
            { name: 'alone' },
          ],
        },
        'done',
      ],
      { tools: [slow, alone] },
    );
    expect(log.slice(0, 2)).toEqual(['begin a', 'begin b']);
    const results = model.calls[1]?.messages.filter((message) => message.role === 'tool');
    expect(results?.map((message) => message.content)).toEqual(['a', 'b', 'after 4']);
  });

  it('gives failures of tools back to the model instead of ending the run', async () => {
    const failing = tool('failing', () => Promise.resolve(ToolResult.fail('no such page', 'not_found')));
    const { result, model } = await run(
      [
        {
          toolCalls: [
            { name: 'failing' },
            { name: 'nobody' },
            { name: 'echo', rawArguments: '{"text": broken' },
          ],
        },
        'sorry',
      ],
      { tools: [failing, echo] },
    );
    expect(outputOf(result).text).toBe('sorry');
    expect(model.calls[1]?.messages.slice(-3)).toMatchObject([
      { content: 'no such page', isError: true },
      { content: 'there is no tool "nobody"; available: failing, echo', isError: true },
      { content: 'the arguments are not a JSON object', isError: true },
    ]);
  });

  it('ends at its limits: model calls, tool calls', async () => {
    const { result, model } = await run(
      Array.from({ length: 9 }, () => call('echo', 'x')),
      { limits: { ...limits, maxSteps: 3 } },
    );
    expect(errorOf(result)).toMatchObject({ code: 'step_limit_reached' });
    expect(model.calls).toHaveLength(3);
    const scarce = await run([call('echo', '1'), call('echo', '2'), 'done'], {
      limits: { ...limits, maxToolCalls: 1 },
    });
    expect(scarce.model.calls[2]?.messages.at(-1)?.content).toContain('used up');
  });

  it('ends with the error of the model', async () => {
    const { result } = await run([{ error: new AppError('model_unavailable', 'the server is down') }]);
    expect(errorOf(result)).toMatchObject({ code: 'model_unavailable' });
  });

  it('marks tools with an effect that must not be repeated, so that a crash leaves them in doubt', async () => {
    const pay = tool('pay', () => Promise.resolve(ToolResult.ok('paid')), { effect: 'unkeyed' });
    const { steps } = await run([{ toolCalls: [{ name: 'pay' }, { name: 'echo' }] }, 'done'], {
      tools: [pay, echo],
    });
    expect(steps.slice(1, 3).map((one) => one.onDoubt)).toEqual(['fail', 'retry']);
  });

  it('hands calls of functions of the caller back', async () => {
    const { result } = await run([{ toolCalls: [{ name: 'theirs', arguments: { a: 1 } }] }], {
      clientTools: [{ name: 'theirs', description: '', parameters: { type: 'object' } }],
    });
    expect(outputOf(result).toolCalls).toMatchObject([{ name: 'theirs', arguments: { a: 1 } }]);
  });

  it('asks once more when the model says nothing', async () => {
    expect(outputOf((await run(['', 'here'])).result).text).toBe('here');
    expect(errorOf((await run(['', ' '])).result)).toMatchObject({ code: 'upstream_error' });
  });

  it('collects the citations of all searches, each once', async () => {
    const citation = { id: 'a.md#L1', file: 'a.md', heading: 'A', line: 1, quote: 'a' };
    const search = tool('search', () => Promise.resolve(ToolResult.ok('[1] a', { citations: [citation] })));
    const { result } = await run([call('search', 'x'), call('search', 'y'), 'done'], { tools: [search] });
    expect(outputOf(result).citations).toEqual([citation]);
  });
});

describe('structured answers', () => {
  const outputSchema: JsonObject = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  };

  it('are parsed and checked, fenced or not', async () => {
    for (const text of ['{"city":"Oslo"}', '```json\n{"city":"Oslo"}\n```'])
      expect(outputOf((await run([text], { outputSchema })).result).object).toEqual({ city: 'Oslo' });
  });

  it('get one chance to mend what does not fit', async () => {
    const mended = await run(['{"town":"Oslo"}', '{"city":"Oslo"}'], { outputSchema });
    expect(outputOf(mended.result).object).toEqual({ city: 'Oslo' });
    expect(mended.model.calls[1]?.messages.at(-1)?.content).toContain('city: is missing');
    const broken = await run(['Oslo', 'Oslo!'], { outputSchema });
    expect(errorOf(broken.result)).toMatchObject({ code: 'output_invalid' });
    expect(broken.model.calls).toHaveLength(2);
  });
});
