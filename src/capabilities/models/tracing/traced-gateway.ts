import { toAppError, type JsonObject } from '../../../base/index.ts';
import type { SpanAttributes, TraceSpan, Tracing } from '../../../platform/observability/index.ts';
import type { Usage } from '../../../protocol/index.ts';
import { withCost, type ModelCaller } from '../../accounting/index.ts';
import type { CallRoute, GatewayAnswer, GatewayCall, ModelGateway } from '../gateway/gateway.ts';
import type { ModelEvent } from '../provider.ts';
import { AnswerScan } from './answer-scan.ts';
import { currentCall, type CallTrace } from './call-trace.ts';
import { conventionalProvider } from './provider-names.ts';

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/** Settings of a request as bytes; those in our own form are not made for a trace alone. */
function settingsOf(fields: JsonObject | undefined): SpanAttributes {
  if (fields === undefined) return {};
  return {
    'gen_ai.request.max_tokens':
      numberOf(fields['max_completion_tokens']) ??
      numberOf(fields['max_output_tokens']) ??
      numberOf(fields['max_tokens']),
    'gen_ai.request.temperature': numberOf(fields['temperature']),
    'gen_ai.request.top_p': numberOf(fields['top_p']),
    'gen_ai.request.seed': numberOf(fields['seed']),
    'gen_ai.request.frequency_penalty': numberOf(fields['frequency_penalty']),
    'gen_ai.request.presence_penalty': numberOf(fields['presence_penalty']),
  };
}

function callerAttributes({ scope, requestId, agent, runId }: ModelCaller): SpanAttributes {
  return {
    'agent33.tenant': scope.tenant,
    'agent33.request.id': requestId,
    'agent33.run.id': runId,
    'gen_ai.agent.name': agent,
  };
}

function tellRoute({ span, deployment }: CallTrace, route: CallRoute): void {
  span.set({
    'gen_ai.provider.name': conventionalProvider(deployment?.providerKind ?? route.provider),
    'agent33.deployment': route.deployment,
    'agent33.group': route.groups.at(-1),
    'agent33.groups': route.groups,
    'agent33.attempts': route.attempts,
    'agent33.overhead_ms': route.overheadMs,
    'agent33.cache': route.cache,
  });
}

function tellUsage({ span, deployment }: CallTrace, given: Usage | undefined, cached: boolean): void {
  if (given === undefined) return;
  const usage = cached || given.costUsd !== null ? given : withCost(given, deployment?.price);
  span.set({
    'gen_ai.usage.input_tokens': usage.inputTokens,
    'gen_ai.usage.output_tokens': usage.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cachedInputTokens,
    'gen_ai.usage.reasoning.output_tokens': usage.reasoningTokens,
    'agent33.cost_usd': cached ? 0 : (usage.costUsd ?? undefined),
  });
}

/** The events as they are; the span ends with them. */
async function* tracedEvents(
  trace: CallTrace,
  events: AsyncIterable<ModelEvent>,
  cached: boolean,
): AsyncGenerator<ModelEvent, void> {
  const { span } = trace;
  let errorType: string | undefined = 'cancelled';
  try {
    for await (const event of events) {
      if (event.type === 'finish') {
        errorType = undefined;
        span.set({
          'gen_ai.response.model': event.model,
          'gen_ai.response.finish_reasons': [event.finishReason],
        });
        tellUsage(trace, event.usage, cached);
      } else if (event.type === 'error') errorType = event.error.code;
      yield event;
    }
  } finally {
    span.end(errorType);
  }
}

type Bytes = Pick<Extract<GatewayAnswer, { kind: 'bytes' }>, 'body' | 'done'>;

/** The bytes as they are; the span ends when they are over and it is known how. */
function tracedBytes<A extends Bytes>(trace: CallTrace, answer: A, cached: boolean): A {
  const scan = new AnswerScan();
  const read = Promise.withResolvers<void>();
  async function* scanned(): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const chunk of answer.body) {
        scan.read(chunk);
        yield chunk;
      }
    } finally {
      read.resolve();
    }
  }
  void Promise.all([answer.done, read.promise]).then(([{ status, usage }]) => {
    const reasons = [...scan.finishReasons];
    trace.span.set({
      'gen_ai.response.model': scan.model,
      'gen_ai.response.finish_reasons': reasons.length === 0 ? undefined : reasons,
    });
    tellUsage(trace, usage, cached);
    trace.span.end(status === 'ok' ? undefined : status);
  });
  return { ...answer, body: scanned() };
}

/** A gateway that tells how each call went in one span: `chat {model}`, with its decisions and attempts. */
export function tracedGateway(gateway: ModelGateway, tracing: Tracing): ModelGateway {
  type Call = Pick<GatewayCall, 'caller' | 'reference' | 'wire'>;
  async function within<T>(
    operation: 'chat' | 'embeddings' | 'rerank',
    call: Call,
    more: SpanAttributes,
    work: (trace: CallTrace) => Promise<T>,
  ): Promise<T> {
    const { caller, reference, wire } = call;
    const model = reference?.name ?? 'default';
    const span: TraceSpan = tracing.start(`${operation} ${model}`, {
      kind: 'client',
      ...(caller.trace === undefined ? {} : { parent: caller.trace }),
      attributes: {
        'gen_ai.operation.name': operation,
        'gen_ai.request.model': model,
        ...settingsOf(wire?.json),
        ...callerAttributes(caller),
        ...more,
      },
    });
    const trace: CallTrace = { span };
    try {
      return await currentCall.run(trace, () => work(trace));
    } catch (error) {
      const { code, details } = toAppError(error);
      const groups = details?.['groups'];
      const attempts = details?.['attempts'];
      span.set({
        'agent33.groups': Array.isArray(groups) ? (groups as readonly string[]) : undefined,
        'agent33.attempts': typeof attempts === 'number' ? attempts : undefined,
      });
      span.end(code);
      throw error;
    }
  }

  return {
    ...gateway,
    open: (call) =>
      within('chat', call, { 'gen_ai.request.stream': call.stream }, async (trace) => {
        const answer = await gateway.open(call);
        // Whoever does not read the answer aborts the call.
        call.signal.addEventListener('abort', () => trace.span.end('cancelled'), { once: true });
        tellRoute(trace, answer.route);
        const cached = answer.route.cache === 'hit';
        return answer.kind === 'events'
          ? { ...answer, events: tracedEvents(trace, answer.events, cached) }
          : tracedBytes(trace, answer, cached);
      }),
    embed: (call) =>
      within('embeddings', call, {}, async (trace) => {
        const answer = await gateway.embed(call);
        tellRoute(trace, answer.route);
        const cached = answer.route.cache === 'hit';
        if (answer.kind === 'bytes' && answer.done !== undefined) {
          const { done } = answer;
          return { ...answer, ...tracedBytes(trace, { body: answer.body, done }, cached) };
        }
        if (answer.kind === 'vectors') tellUsage(trace, answer.response.usage, cached);
        trace.span.end();
        return answer;
      }),
    rerank: (call) =>
      within('rerank', call, {}, async (trace) => {
        const answer = await gateway.rerank(call);
        tellRoute(trace, answer.route);
        tellUsage(trace, answer.response.usage, false);
        trace.span.end();
        return answer;
      }),
  };
}
