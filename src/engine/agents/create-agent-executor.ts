import { AppError, isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { ModelRouter, ModelSettings, ModelTool } from '../../capabilities/models/index.ts';
import type { ToolGovernance, ToolRegistry } from '../../capabilities/tools/index.ts';
import {
  chatMessagesOf,
  type AgentDefinition,
  type AgentInput,
  type ChatMessage,
  type Scope,
} from '../../protocol/index.ts';
import type { RunContext, RunExecutor, RunResult } from '../runs/index.ts';
import type { AgentStore } from './agent-store.ts';
import { renderInstructions } from './render-instructions.ts';
import { runAgentLoop } from './run-agent-loop.ts';
import { wholeExchanges } from './trim-history.ts';

export interface AgentExecutorDeps {
  readonly agents: AgentStore;
  readonly models: Pick<ModelRouter, 'stream'>;
  readonly tools: ToolRegistry;
  readonly governance: ToolGovernance;
  readonly projectDir: string;
}

function inputOf(value: Json): AgentInput {
  if (typeof value === 'string') return { message: value };
  if (isJsonObject(value)) {
    if (typeof value['message'] === 'string') return value as unknown as AgentInput;
    return { message: JSON.stringify(value) };
  }
  throw new AppError('invalid_request', 'input: expected a text or an object with "message"');
}

function clientToolsOf(tools: readonly JsonObject[]): readonly ModelTool[] {
  return tools.flatMap((tool) => {
    const declared = tool['function'] ?? tool;
    if (!isJsonObject(declared) || typeof declared['name'] !== 'string') return [];
    const parameters = isJsonObject(declared['parameters']) ? declared['parameters'] : { type: 'object' };
    return [
      {
        name: declared['name'],
        description: typeof declared['description'] === 'string' ? declared['description'] : '',
        parameters,
      },
    ];
  });
}

/** Executes agents: instructions, history and input in, loop, answer and history out. */
export function createAgentExecutor(deps: AgentExecutorDeps): RunExecutor {
  async function conversation(definition: AgentDefinition, input: AgentInput, context: RunContext) {
    const { spec } = definition;
    const rendered = await renderInstructions(spec.instructions, {
      ...spec.variables,
      ...input.variables,
    } as JsonObject);
    const system: ChatMessage[] = rendered === '' ? [] : [{ role: 'system', content: rendered }];
    if (input.messages !== undefined) {
      const given = chatMessagesOf(input.messages);
      return { messages: [...system, ...given], own: [] };
    }
    const { enabled, maxTokens } = spec.memory.session;
    const history = enabled ? wholeExchanges(await context.history(maxTokens)) : [];
    const own: ChatMessage[] = [{ role: 'user', content: input.message }];
    return { messages: [...system, ...history, ...own], own };
  }

  return {
    async snapshot(scope: Scope, name: string) {
      const { definition, hash } = await deps.agents.get(scope, name);
      return { hash, definition: definition as unknown as Json, timeoutMs: definition.spec.limits.timeout };
    },

    async execute(stored: Json, context: RunContext): Promise<RunResult> {
      const definition = stored as unknown as AgentDefinition;
      const { spec } = definition;
      const input = inputOf(context.input);
      const { messages, own } = await conversation(definition, input, context);
      const uses = new Map(spec.tools.map((use) => [use.name, use]));
      const tools = spec.tools.flatMap((use) => {
        const tool = deps.tools.get(use.name);
        if (tool === undefined)
          context.logger.warn({ tool: use.name }, 'agent names a tool that is not registered');
        return tool === undefined ? [] : [tool];
      });
      const { temperature, maxTokens, topP, seed, stop } = spec.model ?? {};
      const settings = Object.fromEntries(
        Object.entries({ temperature, maxTokens, topP, seed, stop, ...input.settings }).filter(
          ([, value]) => value !== undefined,
        ),
      ) as ModelSettings;
      const { output, added } = await runAgentLoop(
        {
          model: spec.model,
          messages,
          tools,
          clientTools: clientToolsOf(input.clientTools ?? []),
          settings,
          outputSchema: spec.output?.schema as JsonObject | undefined,
          limits: spec.limits,
        },
        {
          models: deps.models,
          step: context.step,
          signal: context.signal,
          executeTool: (tool, call, io) =>
            deps.governance.execute(tool, call.arguments, {
              scope: context.scope,
              runId: context.runId,
              idempotencyKey: io.idempotencyKey,
              use: uses.get(tool.name) ?? { name: tool.name, domains: [], paths: [], write: false },
              knowledge: spec.knowledge,
              projectDir: deps.projectDir,
              signal: io.signal,
              logger: context.logger,
            }),
        },
      );
      return { output: output as unknown as Json, text: output.text, messages: [...own, ...added] };
    },
  };
}
