import type { Json, JsonObject } from '../../base/index.ts';
import { runLimitsOf } from '../../capabilities/accounting/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import type { ModelRouter, ModelSettings, ModelTool } from '../../capabilities/models/index.ts';
import {
  toolFilesOf,
  ToolResult,
  type Tool,
  type ToolContext,
  type ToolGovernance,
  type ToolRegistry,
} from '../../capabilities/tools/index.ts';
import type { AgentInput, AgentOutput, AgentSpec, ChatMessage } from '../../protocol/index.ts';
import { renderTemplate } from '../expressions/index.ts';
import type { RunContext } from '../runs/index.ts';
import { clientToolsOf, type Conversation } from './agent-input.ts';
import type { AgentSnapshot } from './agent-snapshot.ts';
import { approveCall } from './approve-call.ts';
import { createAskPersonTool } from './ask-person-tool.ts';
import { createDelegateTools } from './delegate-tools.ts';
import type { DurableTool } from './durable-tool.ts';
import { createFileLoader } from './load-files.ts';
import { runChild } from './run-child.ts';
import { runAgentLoop, type AgentTurn, type TurnSpending } from './run-agent-loop.ts';
import { ToolNames } from './tool-names.ts';

export interface AgentRunnerDeps {
  readonly models: Pick<ModelRouter, 'stream'> & Partial<Pick<ModelRouter, 'resolve'>>;
  /** Files of requests and answers; without it models are told that there are none. */
  readonly files?: FileStore;
  readonly tools: ToolRegistry;
  readonly governance: ToolGovernance;
  readonly projectDir: string;
}

/** An agent at work in a run: its own, or that of the team it leads. */
export interface AgentWork {
  readonly agent: AgentSnapshot;
  readonly context: RunContext;
  readonly input: AgentInput;
  readonly conversation: Conversation;
  /** Who asks people for approvals and answers, as they read it: `Agent "x"`. */
  readonly asker: string;
  /** What a team adds for its lead. */
  readonly lead?: LeadDuty;
}

/** What an agent is told and given to lead a team. */
export interface LeadDuty {
  /** Joins the agent's own instructions; may hold `{{ … }}` as they do. */
  readonly instructions: string;
  /** Our own words, as they are: what the lead has to do, whom it may ask. */
  readonly duty: () => string;
  /** Called once, before the others of these functions; names that the agent's own tools have are taken. */
  readonly tools: (names: ToolNames) => readonly DurableTool[];
  /** Follows the conversation: answers that are there already. */
  readonly prelude?: () => readonly ChatMessage[];
  /** Stands in for what the agent's definition says. */
  readonly limits: Partial<AgentTurn['limits']>;
  readonly spending?: TurnSpending;
  /** A choice in place of an answer: nothing but this schema, without the agent's own tools. */
  readonly choice?: JsonObject;
}

export interface AgentWorkResult {
  readonly output: AgentOutput;
  /** What joins the session's history. */
  readonly messages: readonly ChatMessage[];
}

/** Lets an agent work: instructions, conversation and tools in; answer and new history out. */
export interface AgentRunner {
  run(work: AgentWork): Promise<AgentWorkResult>;
}

function settingsOf(spec: AgentSpec, input: AgentInput): ModelSettings {
  const { temperature, maxTokens, topP, seed, stop } = spec.model ?? {};
  return Object.fromEntries(
    Object.entries({ temperature, maxTokens, topP, seed, stop, ...input.settings }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

/** Lets agents work with the models and tools of this process. */
export function createAgentRunner(deps: AgentRunnerDeps): AgentRunner {
  function registered(spec: AgentSpec, context: RunContext): readonly Tool[] {
    return spec.tools.flatMap((use) => {
      const tool = deps.tools.get(use.name);
      if (tool === undefined)
        context.logger.warn({ tool: use.name }, 'agent names a tool that is not registered');
      return tool === undefined ? [] : [tool];
    });
  }

  function durableTools(work: AgentWork, others: readonly (Tool | ModelTool)[]): readonly DurableTool[] {
    const { agent, context, asker, lead } = work;
    const names = new ToolNames(others.map((tool) => tool.name));
    const own: DurableTool[] = [];
    const rules = agent.spec.askPeople;
    if (rules !== undefined)
      own.push(createAskPersonTool(context, { name: names.take('ask_person'), asker, rules }));
    const delegates = (agent.delegates ?? []).map((card) => ({ ...card, label: card.name }));
    own.push(
      ...createDelegateTools(delegates, names, ({ kind, name }, input: Json, key) =>
        runChild(context, key, { kind, name }, input),
      ),
    );
    return [...own, ...(lead?.tools(names) ?? [])];
  }

  async function systemPrompt(work: AgentWork): Promise<string> {
    const { agent, input, lead } = work;
    const values = { ...agent.spec.variables, ...input.variables } as JsonObject;
    const parts = [
      await renderTemplate(agent.spec.instructions, values),
      lead === undefined ? '' : await renderTemplate(lead.instructions, values),
      lead?.duty() ?? '',
    ];
    return parts.filter((part) => part.trim() !== '').join('\n\n');
  }

  return {
    async run(work) {
      const { agent, context, input, conversation, asker, lead } = work;
      const { spec } = agent;
      const chooses = lead?.choice !== undefined;
      const tools = chooses ? [] : registered(spec, context);
      const clientTools = chooses ? [] : clientToolsOf(input.clientTools ?? []);
      const durable = chooses ? [] : durableTools(work, [...tools, ...clientTools]);
      const system = await systemPrompt(work);
      const prelude = lead?.prelude?.() ?? [];
      const uses = new Map(spec.tools.map((use) => [use.name, use]));
      const toolContext = (tool: Tool, idempotencyKey: string, signal: AbortSignal): ToolContext => ({
        scope: context.scope,
        runId: context.runId,
        idempotencyKey,
        use: uses.get(tool.name) ?? { name: tool.name, domains: [], paths: [], write: false },
        knowledge: spec.knowledge,
        projectDir: deps.projectDir,
        ...(deps.files === undefined
          ? {}
          : {
              files: toolFilesOf(deps.files, { scope: context.scope, runId: context.runId, idempotencyKey }),
            }),
        effects: context.effects,
        signal,
        logger: context.logger,
      });
      const { output, added } = await runAgentLoop(
        {
          model: spec.model,
          messages: [
            ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
            ...conversation.messages,
            ...prelude,
          ],
          tools,
          durableTools: durable,
          clientTools,
          settings: settingsOf(spec, input),
          outputSchema: lead?.choice ?? input.outputSchema ?? (spec.output?.schema as JsonObject | undefined),
          quiet: chooses,
          limits: { ...spec.limits, ...lead?.limits },
        },
        {
          models: deps.models,
          files: createFileLoader({ ...deps, tenant: context.scope.tenant, logger: context.logger }),
          step: context.step,
          caller: {
            scope: context.scope,
            agent: agent.metadata.name,
            runId: context.runId,
            limits: runLimitsOf(agent, context.runId),
          },
          signal: context.signal,
          ...(lead?.spending === undefined ? {} : { spending: lead.spending }),
          approveCall: async (tool, call, key) => {
            // A tool that is listed twice needs a person as soon as one of its entries says so.
            const rules = spec.tools.find(
              (use) => use.name === tool.name && use.approval !== undefined,
            )?.approval;
            if (rules === undefined) return undefined;
            const denied = deps.governance.check(
              tool,
              call.arguments,
              toolContext(tool, `${context.runId}:${key}`, context.signal),
            );
            if (denied !== undefined) return ToolResult.fail(`not allowed: ${denied}`, 'tool_denied');
            return approveCall(context, { asker, tool, call, key, rules });
          },
          executeTool: (tool, call, io) =>
            deps.governance.execute(tool, call.arguments, toolContext(tool, io.idempotencyKey, io.signal)),
        },
      );
      return { output, messages: [...conversation.own, ...prelude, ...added] };
    },
  };
}
