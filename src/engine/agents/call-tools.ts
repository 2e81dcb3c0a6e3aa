import { AppError, type Json } from '../../base/index.ts';
import { schemaFaults, ToolResult, type Tool } from '../../capabilities/tools/index.ts';
import type { ChatMessage, RunEvent, ToolCall } from '../../protocol/index.ts';
import type { RunStep, StepIo } from '../runs/index.ts';
import { CallSlots } from './call-slots.ts';
import type { DurableTool } from './durable-tool.ts';

const previewChars = 2000;

export interface ToolCallerOptions {
  readonly tools: readonly Tool[];
  readonly durableTools: readonly DurableTool[];
  readonly maxToolCalls: number;
  readonly parallelTools: number;
  readonly step: RunStep;
  /** Executes one call under governance; failure is a result. */
  readonly executeTool: (tool: Tool, call: ToolCall, io: StepIo) => Promise<ToolResult>;
  /** Waits for whoever has to allow this very call. A result: it is not made, and the model is told this instead. */
  readonly approveCall?: (tool: Tool, call: ToolCall, key: string) => Promise<ToolResult | undefined>;
}

/** A call of an answer with what came of it. */
export interface CallOutcome {
  readonly call: ToolCall;
  readonly result: ToolResult;
  /** What happened outside of steps and is still to be told. */
  readonly untold: readonly RunEvent[];
}

/** The message in which the model reads what came of its call. */
export function toolMessage({ call, result }: Pick<CallOutcome, 'call' | 'result'>): ChatMessage {
  return {
    role: 'tool',
    toolCallId: call.id,
    name: call.name,
    content: result.content,
    ...(result.ok ? {} : { isError: true }),
  };
}

function resultEvent(key: string, call: ToolCall, result: ToolResult): RunEvent {
  return {
    type: 'tool-result',
    step: key,
    callId: call.id,
    name: call.name,
    ok: result.ok,
    preview: result.content.slice(0, previewChars),
  };
}

/** Key of the call of an answer, stable over executions: the answer's number and the place in it. */
function callKey(answer: number, index: number): string {
  return `tool:${answer}:${index}`;
}

/** Makes the calls of a model's answers, within the limits of one run. */
export class ToolCaller {
  readonly #options: ToolCallerOptions;
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #durable: ReadonlyMap<string, DurableTool>;
  readonly #slots: CallSlots;
  #left: number;

  constructor(options: ToolCallerOptions) {
    this.#options = options;
    this.#tools = new Map(options.tools.map((tool) => [tool.name, tool]));
    this.#durable = new Map(options.durableTools.map((one) => [one.tool.name, one]));
    this.#slots = new CallSlots(options.parallelTools);
    this.#left = options.maxToolCalls;
  }

  /** What to tell of an answer's calls at once: those that no step of their own tells. */
  readonly announce = (answer: number, calls: readonly ToolCall[]): readonly RunEvent[] =>
    calls.flatMap((call, index) =>
      this.#durable.has(call.name)
        ? [{ type: 'tool-call' as const, step: callKey(answer, index), call }]
        : [],
    );

  /**
   * Makes all calls of an answer: at most `parallelTools` at work side by side, while those that wait for a person
   * hold up nobody. Results in call order.
   */
  callAll(answer: number, calls: readonly ToolCall[]): Promise<CallOutcome[]> {
    return Promise.all(calls.map((call, index) => this.#call(callKey(answer, index), call)));
  }

  #call(key: string, call: ToolCall): Promise<CallOutcome> {
    const durable = this.#durable.get(call.name);
    const tool = this.#tools.get(call.name);
    const refuse = (content: string): Promise<CallOutcome> => {
      const result = ToolResult.fail(content);
      const untold = durable === undefined ? [] : [resultEvent(key, call, result)];
      return Promise.resolve({ call, result, untold });
    };
    if (tool === undefined && durable === undefined) {
      const names = [...this.#tools.keys(), ...this.#durable.keys()].join(', ') || 'none';
      return refuse(`there is no tool "${call.name}"; available: ${names}`);
    }
    if (call.invalidArguments !== undefined) return refuse('the arguments are not a JSON object');
    if (this.#left <= 0) return refuse('the tool calls of this run are used up; answer with what you have');
    this.#left -= 1;
    if (durable !== undefined) return this.#callDurable(durable, key, call);
    return this.#callPlain(tool as Tool, key, call);
  }

  async #callDurable(durable: DurableTool, key: string, call: ToolCall): Promise<CallOutcome> {
    const faults = schemaFaults(durable.tool.parameters, call.arguments);
    const work = (): Promise<ToolResult> => durable.execute(call, key);
    const result =
      faults.length > 0
        ? ToolResult.fail(`the arguments do not fit: ${faults.join('; ')}`, 'invalid_request')
        : durable.takesPlace
          ? await this.#slots.run({ alone: false }, work)
          : await work();
    return { call, result, untold: [resultEvent(key, call, result)] };
  }

  async #callPlain(tool: Tool, key: string, call: ToolCall): Promise<CallOutcome> {
    const refused = await this.#options.approveCall?.(tool, call, key);
    if (refused !== undefined) {
      const untold: RunEvent[] = [{ type: 'tool-call', step: key, call }, resultEvent(key, call, refused)];
      return { call, result: refused, untold };
    }
    const alone = tool.parallel === false;
    return {
      call,
      result: await this.#slots.run({ alone }, () => this.#execute(tool, key, call)),
      untold: [],
    };
  }

  async #execute(tool: Tool, key: string, call: ToolCall): Promise<ToolResult> {
    try {
      return (await this.#options.step<Json>(
        key,
        'tool',
        async (io) => {
          io.emit({ type: 'tool-call', step: key, call });
          const outcome = await this.#options.executeTool(tool, call, io);
          io.emit(resultEvent(key, call, outcome));
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
      if (error instanceof AppError && error.code === 'conflict')
        return ToolResult.fail(error.message, error.code);
      throw error;
    }
  }
}
