import { AppError, type Json } from '../../base/index.ts';
import type { ModelCaller } from '../../capabilities/accounting/index.ts';
import type {
  ModelEvent,
  ModelReference,
  ModelRequest,
  ModelResponse,
  ModelRouter,
} from '../../capabilities/models/index.ts';
import {
  noUsage,
  type ChatMessage,
  type FinishReason,
  type RunEvent,
  type ToolCall,
  type Usage,
} from '../../protocol/index.ts';
import type { RunStep, StepIo } from '../runs/index.ts';
import type { FileLoader } from './load-files.ts';

/** What a model call came to, as it is journaled. */
export interface ModelStepResult {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
  readonly model: string;
  readonly usage: Usage;
  /** What the provider wants back with the answer in the next round. */
  readonly reasoningParts?: ModelResponse['reasoningParts'];
  readonly providerData?: ModelResponse['providerData'];
}

export interface ModelStep {
  readonly key: string;
  readonly model: ModelReference | undefined;
  readonly request: Omit<ModelRequest, 'model'>;
  /** What is new since the step before: the rest is in the digests of the steps before. */
  readonly news: readonly ChatMessage[];
  /** True keeps the text to itself: it is no answer for people. */
  readonly quiet: boolean;
  /** Told when the call is really made: what happened outside of steps since the last one. */
  readonly untold: readonly RunEvent[];
  /** Told with the answer, for calls of it that no step of their own tells. */
  readonly announce: (calls: readonly ToolCall[]) => readonly RunEvent[];
}

/** Collects a streamed answer, telling its parts on the way. Throws the stream's error. */
async function collect(
  step: ModelStep,
  events: AsyncIterable<ModelEvent>,
  io: StepIo,
): Promise<ModelStepResult> {
  const { key, quiet } = step;
  let text = '';
  let reasoning = '';
  const toolCalls: ToolCall[] = [];
  let end:
    | Pick<ModelResponse, 'finishReason' | 'model' | 'usage' | 'reasoningParts' | 'providerData'>
    | undefined;
  for await (const event of events) {
    switch (event.type) {
      case 'text-delta':
        text += event.text;
        if (!quiet) io.emit({ type: 'text-delta', step: key, text: event.text });
        break;
      case 'reasoning-delta':
        reasoning += event.text;
        if (!quiet) io.emit({ type: 'reasoning-delta', step: key, text: event.text });
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
  for (const event of step.announce(toolCalls)) io.emit(event);
  const { finishReason, model, usage, reasoningParts, providerData } = end;
  return {
    text,
    reasoning,
    toolCalls,
    finishReason,
    model,
    usage,
    ...(reasoningParts === undefined ? {} : { reasoningParts }),
    ...(providerData === undefined ? {} : { providerData }),
  };
}

/** Asks the model once, as one journaled step. */
export async function askModel(
  step: ModelStep,
  deps: {
    readonly models: Pick<ModelRouter, 'stream'>;
    readonly files?: FileLoader;
    readonly step: RunStep;
    /** Whom limits and usage count for. */
    readonly caller: Omit<ModelCaller, 'requestId'>;
  },
): Promise<ModelStepResult> {
  const result = (await deps.step<Json>(
    step.key,
    'model',
    async (io) => {
      for (const event of step.untold) io.emit(event);
      const ask = async (messages: readonly ChatMessage[], requestId: string): Promise<Json> => {
        const caller = { ...deps.caller, requestId };
        const request = { ...step.request, messages };
        const events = deps.models.stream(step.model, request, { signal: io.signal, caller });
        return (await collect(step, events, io)) as unknown as Json;
      };
      const loaded = await deps.files?.load(step.request.messages, step.model);
      try {
        return await ask(loaded?.messages ?? step.request.messages, io.idempotencyKey);
      } catch (error) {
        // A picture that a model refuses stays in the history: without this it would end every later turn too.
        if (loaded?.hasMedia !== true || !(error instanceof AppError) || error.code !== 'model_rejected')
          throw error;
        return await ask(loaded.withoutMedia(), `${io.idempotencyKey}:text`);
      }
    },
    { input: step.news as unknown as Json },
  )) as unknown as Omit<ModelStepResult, 'usage'> & { readonly usage?: Usage };
  return { ...result, usage: result.usage ?? noUsage };
}
