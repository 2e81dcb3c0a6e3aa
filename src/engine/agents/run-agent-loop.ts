import { AppError, type Json, type JsonObject } from '../../base/index.ts';
import type {
  ModelEvent,
  ModelReference,
  ModelRequest,
  ModelResponse,
  ModelRouter,
  ModelTool,
} from '../../capabilities/models/index.ts';
import { schemaFaults, type Tool, type ToolResult } from '../../capabilities/tools/index.ts';
import type { AgentOutput, ChatMessage, Citation, FinishReason, ToolCall } from '../../protocol/index.ts';
import type { RunStep, StepIo } from '../runs/index.ts';

/** One turn of an agent: what it is told, what it may use, how far it may go. */
export interface AgentTurn {
  readonly model: ModelReference | undefined;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly Tool[];
  /** Functions of the caller: a call of one ends the turn. */
  readonly clientTools: readonly ModelTool[];
  readonly settings: NonNullable<ModelRequest['settings']>;
  readonly outputSchema: JsonObject | undefined;
  readonly limits: {
    readonly maxSteps: number;
    readonly maxToolCalls: number;
    readonly parallelTools: number;
  };
}

export interface AgentLoopDeps {
  readonly models: Pick<ModelRouter, 'stream'>;
  readonly step: RunStep;
  /** Executes one call under governance; failure is a result. */
  readonly executeTool: (tool: Tool, call: ToolCall, io: StepIo) => Promise<ToolResult>;
  readonly signal: AbortSignal;
}

/** What a turn came to, with the messages it added. */
export interface AgentTurnResult {
  readonly output: AgentOutput;
  readonly added: readonly ChatMessage[];
}

interface ModelStepResult {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
  readonly model: string;
}

const previewChars = 2000;

/** Collects a streamed answer, telling its parts on the way. Throws the stream's error. */
async function collect(key: string, events: AsyncIterable<ModelEvent>, io: StepIo): Promise<ModelStepResult> {
  let text = '';
  let reasoning = '';
  const toolCalls: ToolCall[] = [];
  let end: Pick<ModelResponse, 'finishReason' | 'model'> | undefined;
  for await (const event of events) {
    switch (event.type) {
      case 'text-delta':
        text += event.text;
        io.emit({ type: 'text-delta', step: key, text: event.text });
        break;
      case 'reasoning-delta':
        reasoning += event.text;
        io.emit({ type: 'reasoning-delta', step: key, text: event.text });
        break;
      case 'tool-call':
        toolCalls.push(event.call);
        break;
      case 'finish':
        io.recordUsage(event.usage);
        end = event;
        break;
      case 'error':
        throw event.error;
    }
  }
  if (end === undefined) throw new AppError('upstream_error', "the model's answer broke off");
  return { text, reasoning, toolCalls, finishReason: end.finishReason, model: end.model };
}

/** Runs the calls in groups of at most `width`, those that may not run beside others alone; results in call order. */
async function inOrder<T, R>(
  items: readonly T[],
  width: number,
  alone: (item: T) => boolean,
  run: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length;) {
    let end = start + 1;
    while (end < items.length && end - start < width && !alone(items[start] as T) && !alone(items[end] as T))
      end += 1;
    const first = start;
    results.push(
      ...(await Promise.all(items.slice(start, end).map((item, index) => run(item, first + index)))),
    );
    start = end;
  }
  return results;
}

function assistant(result: ModelStepResult): ChatMessage {
  return {
    role: 'assistant',
    content: result.text,
    ...(result.reasoning === '' ? {} : { reasoning: result.reasoning }),
    ...(result.toolCalls.length === 0 ? {} : { toolCalls: result.toolCalls }),
  };
}

/**
 * Model call, tool calls, results, … until an answer. Every model and tool call is a journaled step, so that the turn
 * goes on where it was after a crash. Errors: those of the model, `step_limit_reached`, `output_invalid`.
 */
export async function runAgentLoop(turn: AgentTurn, deps: AgentLoopDeps): Promise<AgentTurnResult> {
  const tools = new Map(turn.tools.map((tool) => [tool.name, tool]));
  const offered: readonly ModelTool[] = [...turn.tools, ...turn.clientTools].map(
    ({ name, description, parameters, examples }) => ({
      name,
      description,
      parameters,
      ...(examples === undefined ? {} : { examples }),
    }),
  );
  const clientNames = new Set(turn.clientTools.map((tool) => tool.name));
  const added: ChatMessage[] = [];
  const citations = new Map<string, Citation>();
  let toolCallsLeft = turn.limits.maxToolCalls;
  let told = turn.messages.length;
  let repairs = 0;
  let nudges = 0;

  const callModel = async (number: number): Promise<ModelStepResult> => {
    const key = `model:${number}`;
    const messages = [...turn.messages, ...added];
    // Only what is new since the last call: the rest is in the digests of the steps before.
    const news = number === 1 ? messages : messages.slice(told);
    told = messages.length;
    return (await deps.step<Json>(
      key,
      'model',
      async (io) =>
        (await collect(
          key,
          deps.models.stream(
            turn.model,
            {
              messages,
              settings: turn.settings,
              ...(offered.length === 0 ? {} : { tools: offered }),
              ...(turn.outputSchema === undefined
                ? {}
                : { responseFormat: { type: 'json' as const, schema: turn.outputSchema } }),
            },
            { signal: io.signal },
          ),
          io,
        )) as unknown as Json,
      { input: news as unknown as Json },
    )) as unknown as ModelStepResult;
  };

  const callTool = async (number: number, index: number, call: ToolCall): Promise<ChatMessage> => {
    const key = `tool:${number}:${index}`;
    const tool = tools.get(call.name);
    const refuse = (content: string): ChatMessage => ({
      role: 'tool',
      toolCallId: call.id,
      name: call.name,
      content,
      isError: true,
    });
    if (tool === undefined)
      return refuse(`there is no tool "${call.name}"; available: ${[...tools.keys()].join(', ') || 'none'}`);
    if (call.invalidArguments !== undefined) return refuse('the arguments are not a JSON object');
    if (toolCallsLeft <= 0)
      return refuse('the tool calls of this run are used up; answer with what you have');
    toolCallsLeft -= 1;
    let result: ToolResult;
    try {
      result = (await deps.step<Json>(
        key,
        'tool',
        async (io) => {
          io.emit({ type: 'tool-call', step: key, call });
          const outcome = await deps.executeTool(tool, call, io);
          io.emit({
            type: 'tool-result',
            step: key,
            callId: call.id,
            name: call.name,
            ok: outcome.ok,
            preview: outcome.content.slice(0, previewChars),
          });
          return outcome as unknown as Json;
        },
        {
          input: { name: call.name, arguments: call.arguments },
          name: call.name,
          onDoubt: tool.effect === 'unkeyed' ? 'fail' : 'retry',
        },
      )) as unknown as ToolResult;
    } catch (error) {
      // A call that a crash left in doubt is told to the model; everything else ends the run.
      if (error instanceof AppError && error.code === 'conflict') return refuse(error.message);
      throw error;
    }
    if (result.ok) for (const citation of result.citations ?? []) citations.set(citation.id, citation);
    return {
      role: 'tool',
      toolCallId: call.id,
      name: call.name,
      content: result.content,
      ...(result.ok ? {} : { isError: true }),
    };
  };

  for (let number = 1; number <= turn.limits.maxSteps; number += 1) {
    const answer = await callModel(number);
    added.push(assistant(answer));
    const finish = (object?: Json): AgentTurnResult => ({
      output: {
        text: answer.text,
        ...(object === undefined ? {} : { object }),
        citations: [...citations.values()],
        model: answer.model,
        finishReason: answer.finishReason,
        steps: number,
        ...(answer.toolCalls.length === 0
          ? {}
          : { toolCalls: answer.toolCalls.filter((call) => clientNames.has(call.name)) }),
      },
      added,
    });
    if (answer.toolCalls.some((call) => clientNames.has(call.name))) return finish();
    if (answer.toolCalls.length > 0) {
      const alone = (call: ToolCall): boolean => tools.get(call.name)?.parallel === false;
      added.push(
        ...(await inOrder(answer.toolCalls, turn.limits.parallelTools, alone, (call, index) =>
          callTool(number, index, call),
        )),
      );
      continue;
    }
    if (turn.outputSchema !== undefined) {
      const object = tryParse(answer.text);
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

function tryParse(text: string): Json | undefined {
  const fenced = /^\s*```(?:json)?\s*([\s\S]*?)```\s*$/.exec(text)?.[1] ?? text;
  try {
    return JSON.parse(fenced) as Json;
  } catch {
    return undefined;
  }
}
