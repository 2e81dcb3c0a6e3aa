import { ToolLoopAgent, isStepCount, jsonSchema, tool } from 'ai';
import { MockLanguageModelV4, simulateReadableStream } from 'ai/test';
import { z } from 'zod';
import { silentLogger, systemClock, type Json, type JsonObject } from '../src/base/index.ts';
import { createModels } from '../src/capabilities/models/index.ts';
import { createToolGovernance, defineTool, ToolResult } from '../src/capabilities/tools/index.ts';
import { runAgentLoop, type AgentLoopDeps, type AgentTurn } from '../src/engine/agents/index.ts';
import type { RunStep } from '../src/engine/runs/index.ts';
import { loadConfig } from '../src/platform/config/index.ts';
import { createMetrics } from '../src/platform/observability/index.ts';
import { FakeModel } from '../src/testing/index.ts';
import { median, type Figure } from './report.ts';

const turns = 1_500;
const rounds = 7;
const answer = ['It ', 'is ', '18 ', 'degrees ', 'in ', 'Oslo.'];

/** Processor time of `turns` turns, in ms. */
async function cpuMs(run: () => Promise<void>): Promise<number> {
  const begun = process.cpuUsage();
  for (let turn = 0; turn < turns; turn += 1) await run();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000;
}

async function ours(): Promise<() => Promise<void>> {
  const weather = defineTool({
    name: 'weather',
    description: 'Weather of a city',
    parameters: z.strictObject({ city: z.string() }),
    effect: 'none',
    execute: () => Promise.resolve(ToolResult.ok('18 degrees')),
  });
  const base = {
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics({ version: 'bench', processMetrics: false }),
  };
  const model = new FakeModel({
    turns: [
      ({ messages }) => {
        model.calls.length = 0;
        return messages.at(-1)?.role === 'tool'
          ? { chunks: answer }
          : { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] };
      },
    ],
    afterLast: 'repeat-last',
  });
  const models = createModels({
    ...base,
    config: loadConfig({ env: {}, projectDir: '.', workingDir: '.' }),
    egress: { fetch },
    providers: [model],
    localOllamaUrl: 'http://127.0.0.1:9',
  });
  await models.start();
  const governance = createToolGovernance(base);
  const { signal } = new AbortController();
  const step: RunStep = (key, _kind, run) =>
    run({ attempt: 1, idempotencyKey: key, signal, emit: () => {}, recordUsage: () => {} });
  const use = { name: 'weather', domains: [], paths: [], write: false };
  const scope = { tenant: 'default', principal: 'bench', scopes: ['admin'] } as const;
  const deps: AgentLoopDeps = {
    models: models.router,
    step,
    caller: { scope },
    signal,
    executeTool: (tool, call, io) =>
      governance.execute(tool, call.arguments, {
        scope,
        runId: 'bench',
        idempotencyKey: io.idempotencyKey,
        use,
        knowledge: [],
        projectDir: '.',
        signal,
        logger: silentLogger,
      }),
  };
  const turn: AgentTurn = {
    model: { name: 'fake/fake-model' },
    messages: [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'How warm is it in Oslo?' },
    ],
    tools: [weather],
    clientTools: [],
    settings: {},
    outputSchema: undefined,
    limits: { maxSteps: 12, maxToolCalls: 50, parallelTools: 8 },
  };
  return async () => {
    const { output } = await runAgentLoop(turn, deps);
    if (output.text !== answer.join('')) throw new Error(`unexpected answer: ${output.text}`);
  };
}

function theirs(): () => Promise<void> {
  const tokens = {
    inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 5, text: 5, reasoning: 0 },
  };
  const parts = (chunks: readonly JsonObject[], finish: string) =>
    [
      { type: 'stream-start', warnings: [] },
      ...chunks,
      { type: 'finish', finishReason: { unified: finish, raw: finish }, usage: tokens },
    ] as never[];
  const model = new MockLanguageModelV4({
    doStream: ({ prompt }) => {
      const answered = prompt.at(-1)?.role === 'tool';
      const chunks: Json[] = answered
        ? [
            { type: 'text-start', id: 't' },
            ...answer.map((delta) => ({ type: 'text-delta', id: 't', delta })),
            { type: 'text-end', id: 't' },
          ]
        : [{ type: 'tool-call', toolCallId: 'c1', toolName: 'weather', input: '{"city":"Oslo"}' }];
      return Promise.resolve({
        stream: simulateReadableStream({
          chunks: parts(chunks as JsonObject[], answered ? 'stop' : 'tool-calls'),
          initialDelayInMs: null,
          chunkDelayInMs: null,
        }),
      });
    },
  });
  const agent = new ToolLoopAgent({
    model,
    instructions: 'Be short.',
    stopWhen: isStepCount(12),
    tools: {
      weather: tool({
        description: 'Weather of a city',
        inputSchema: jsonSchema<{ city: string }>({
          type: 'object',
          properties: { city: { type: 'string' } },
          required: ['city'],
        }),
        execute: () => Promise.resolve('18 degrees'),
      }),
    },
  });
  return async () => {
    const result = await agent.stream({ prompt: 'How warm is it in Oslo?' });
    let text = '';
    for await (const delta of result.textStream) text += delta;
    if (text !== answer.join('')) throw new Error(`unexpected answer: ${text}`);
    // The mock keeps every call; a real model does not.
    model.doStreamCalls.length = 0;
  };
}

/** One streamed turn (2 model calls, 1 tool) of our loop against the one of `ai`, both with an instant model. */
export async function measureAgentTurn(): Promise<readonly Figure[]> {
  const mine = await ours();
  const other = theirs();
  const samples: { mine: number; other: number }[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const sample = { mine: await cpuMs(mine), other: await cpuMs(other) };
    if (round >= 0) samples.push(sample);
  }
  const ratio = median(samples.map((sample) => sample.mine / sample.other));
  const perTurn = median(samples.map((sample) => sample.mine)) / turns;
  return [
    {
      name: "agent turn in memory, CPU against `ai`'s loop",
      value: `${ratio.toFixed(2)}× (${(perTurn * 1000).toFixed(0)} µs)`,
      goal: '≤ 1.5×',
      met: ratio <= 1.5,
    },
  ];
}
