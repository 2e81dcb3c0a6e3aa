import { AppError, tryParseJson, type Json, type JsonObject } from '../../base/index.ts';
import type { ModelCaller } from '../../capabilities/accounting/index.ts';
import type {
  ModelReference,
  ModelRequest,
  ModelRouter,
  ModelTool,
} from '../../capabilities/models/index.ts';
import { schemaFaults, type Tool } from '../../capabilities/tools/index.ts';
import type {
  AgentOutput,
  ChatMessage,
  Citation,
  RunEvent,
  RunFile,
  ToolCall,
  Usage,
} from '../../protocol/index.ts';
import type { RunStep } from '../runs/index.ts';
import { ToolCaller, toolMessage, type ToolCallerOptions } from './call-tools.ts';
import type { DurableTool } from './durable-tool.ts';
import type { FileLoader } from './load-files.ts';
import { askModel, type ModelStepResult } from './model-step.ts';

/** One turn of an agent: what it is told, what it may use, how far it may go. */
export interface AgentTurn {
  readonly model: ModelReference | undefined;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly Tool[];
  /** Tools that run or wait outside of steps; their names differ from those of `tools`. */
  readonly durableTools?: readonly DurableTool[];
  /** Functions of the caller: a call of one ends the turn. */
  readonly clientTools: readonly ModelTool[];
  readonly settings: NonNullable<ModelRequest['settings']>;
  readonly outputSchema: JsonObject | undefined;
  /** True where the text is no answer for people and is not streamed to them. */
  readonly quiet?: boolean;
  readonly limits: {
    readonly maxSteps: number;
    readonly maxToolCalls: number;
    readonly parallelTools: number;
  };
}

/** What a turn may cost. */
export interface TurnSpending {
  /** Throws when no further model call is allowed. Depends only on what was added. */
  check(): void;
  add(usage: Usage): void;
}

export interface AgentLoopDeps extends Pick<ToolCallerOptions, 'executeTool' | 'approveCall'> {
  readonly models: Pick<ModelRouter, 'stream'>;
  /** Puts stored files into what a model is sent. */
  readonly files?: FileLoader;
  readonly step: RunStep;
  /** Whom limits and usage of the model calls count for. */
  readonly caller: Omit<ModelCaller, 'requestId'>;
  readonly signal: AbortSignal;
  readonly spending?: TurnSpending;
}

/** What a turn came to, with the messages it added. */
export interface AgentTurnResult {
  readonly output: AgentOutput;
  readonly added: readonly ChatMessage[];
}

function offer({ name, description, parameters, examples }: ModelTool): ModelTool {
  return { name, description, parameters, ...(examples === undefined ? {} : { examples }) };
}

function assistant(result: ModelStepResult): ChatMessage {
  return {
    role: 'assistant',
    content: result.text,
    ...(result.reasoning === '' ? {} : { reasoning: result.reasoning }),
    ...(result.reasoningParts === undefined ? {} : { reasoningParts: result.reasoningParts }),
    ...(result.toolCalls.length === 0 ? {} : { toolCalls: result.toolCalls }),
    ...(result.providerData === undefined ? {} : { providerData: result.providerData }),
  };
}

/**
 * Model call, tool calls, results, … until an answer. Every model and tool call is journaled, so that the turn goes on
 * where it was after a crash. Errors: those of the model, `step_limit_reached`, `output_invalid`.
 */
export async function runAgentLoop(turn: AgentTurn, deps: AgentLoopDeps): Promise<AgentTurnResult> {
  const durableTools = turn.durableTools ?? [];
  const caller = new ToolCaller({ ...deps, ...turn.limits, tools: turn.tools, durableTools });
  const offered = [...turn.tools, ...durableTools.map((one) => one.tool), ...turn.clientTools].map(offer);
  const clientNames = new Set(turn.clientTools.map((tool) => tool.name));
  const endsTurn = (calls: readonly ToolCall[]): boolean => calls.some((call) => clientNames.has(call.name));
  const added: ChatMessage[] = [];
  const citations = new Map<string, Citation>();
  const files = new Map<string, RunFile>();
  let untold: readonly RunEvent[] = [];
  let told = turn.messages.length;
  let repairs = 0;
  let nudges = 0;

  const callModel = async (number: number): Promise<ModelStepResult> => {
    deps.spending?.check();
    const messages = [...turn.messages, ...added];
    const news = number === 1 ? messages : messages.slice(told);
    told = messages.length;
    const answer = await askModel(
      {
        key: `model:${number}`,
        model: turn.model,
        request: {
          messages,
          settings: turn.settings,
          ...(offered.length === 0 ? {} : { tools: offered }),
          ...(turn.outputSchema === undefined
            ? {}
            : { responseFormat: { type: 'json' as const, schema: turn.outputSchema } }),
        },
        news,
        quiet: turn.quiet === true,
        untold,
        announce: (calls) => (endsTurn(calls) ? [] : caller.announce(number, calls)),
      },
      deps,
    );
    untold = [];
    deps.spending?.add(answer.usage);
    return answer;
  };

  for (let number = 1; number <= turn.limits.maxSteps; number += 1) {
    const answer = await callModel(number);
    added.push(assistant(answer));
    const finish = (object?: Json): AgentTurnResult => ({
      output: {
        text: answer.text,
        ...(object === undefined ? {} : { object }),
        citations: [...citations.values()],
        ...(files.size === 0 ? {} : { files: [...files.values()] }),
        model: answer.model,
        finishReason: answer.finishReason,
        steps: number,
        ...(answer.toolCalls.length === 0
          ? {}
          : { toolCalls: answer.toolCalls.filter((call) => clientNames.has(call.name)) }),
      },
      added,
    });
    if (endsTurn(answer.toolCalls)) return finish();
    if (answer.toolCalls.length > 0) {
      const outcomes = await caller.callAll(number, answer.toolCalls);
      for (const { result } of outcomes) {
        if (!result.ok) continue;
        for (const citation of result.citations ?? []) citations.set(citation.id, citation);
        for (const file of result.files ?? []) files.set(file.id, file);
      }
      untold = outcomes.flatMap((outcome) => outcome.untold);
      added.push(...outcomes.map(toolMessage));
      continue;
    }
    if (turn.outputSchema !== undefined) {
      const object = parseAnswer(answer.text);
      const faults =
        object === undefined ? ['the answer is not JSON'] : schemaFaults(turn.outputSchema, object);
      if (faults.length === 0) return finish(object);
      if (repairs > 0)
        throw new AppError('output_invalid', `the answer does not fit the schema: ${faults.join('; ')}`, {
          details: { faults },
        });
      repairs += 1;
      added.push({
        role: 'user',
        content: `Your answer does not fit the required JSON schema: ${faults.join('; ')}. Answer again with JSON only.`,
      });
      continue;
    }
    if (answer.text.trim() !== '') return finish();
    if (nudges > 0)
      throw new AppError('upstream_error', `the model "${answer.model}" answered with nothing, twice`);
    nudges += 1;
    added.push({ role: 'user', content: 'Please answer.' });
  }
  throw new AppError(
    'step_limit_reached',
    `no answer within ${turn.limits.maxSteps} model calls (limits.maxSteps)`,
  );
}

function parseAnswer(text: string): Json | undefined {
  return tryParseJson(/^\s*```(?:json)?\s*([\s\S]*?)```\s*$/.exec(text)?.[1] ?? text);
}
