import type { AppError, Json, JsonObject } from '../../../../base/index.ts';
import type { FinishReason, Usage } from '../../../../protocol/index.ts';
import type { ResponsesRequest } from './responses-request.ts';

/** What all of one response share. */
export interface ResponseHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly body: ResponsesRequest;
}

/** How a response stands. */
export interface ResponseState {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  readonly output: readonly JsonObject[];
  readonly usage?: Usage;
  readonly incomplete?: 'max_output_tokens' | 'content_filter';
  readonly error?: { readonly code: string; readonly message: string };
  /** Seconds since 1970. */
  readonly completedAt?: number;
}

const errorCodes: Readonly<Record<string, string>> = {
  rate_limited: 'rate_limit_exceeded',
  budget_exceeded: 'insufficient_quota',
  context_window_exceeded: 'context_length_exceeded',
};

/** The code of an error as clients of the Responses API know it. */
export function responseErrorCode(error: AppError): string {
  return errorCodes[error.code] ?? (error.fault === 'caller' ? error.code : 'server_error');
}

/** Why an answer is not complete; `undefined` for one that is. */
export function incompleteReason(reason: FinishReason): ResponseState['incomplete'] {
  if (reason === 'length') return 'max_output_tokens';
  return reason === 'content-filter' ? 'content_filter' : undefined;
}

function usageOf(usage: Usage): JsonObject {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

/** The object `response`, with every field that clients ask for. */
export function responseObject({ id, createdAt, body }: ResponseHead, state: ResponseState): JsonObject {
  const { reasoning, text } = body;
  return {
    id,
    object: 'response',
    created_at: createdAt,
    completed_at: state.completedAt ?? null,
    status: state.status,
    background: false,
    error: state.error ?? null,
    incomplete_details: state.incomplete === undefined ? null : { reason: state.incomplete },
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: null,
    model: body.model,
    output: state.output,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: reasoning?.effort ?? null, summary: reasoning?.summary ?? null },
    service_tier: 'default',
    store: body.store ?? true,
    temperature: body.temperature ?? null,
    text: {
      format: (text?.format as Json | undefined) ?? { type: 'text' },
      ...(typeof text?.verbosity === 'string' ? { verbosity: text.verbosity } : {}),
    },
    tool_choice: (body.tool_choice as Json | undefined) ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: 0,
    top_p: body.top_p ?? null,
    truncation: body.truncation ?? 'disabled',
    usage: state.usage === undefined ? null : usageOf(state.usage),
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}
