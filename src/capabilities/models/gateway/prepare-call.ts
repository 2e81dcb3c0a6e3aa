import { AppError, type Json, type JsonObject } from '../../../base/index.ts';
import type { AdmissionRequest, CallerDirectory, ModelCaller } from '../../accounting/index.ts';
import { answerCount, estimateTokens, mostInputTokens } from '../../accounting/index.ts';
import type { ModelReference } from '../provider.ts';
import { outputLimit } from '../router/output-limit.ts';
import type { Deployment, DispatchRequest, FallbackTarget, ModelList } from '../router/index.ts';
import type { GatewayCall, RequestRouting } from './gateway.ts';
import { isModelAllowed } from './model-permission.ts';

/** A call with everything that the router wants to know of it. */
export interface PreparedCall {
  /** Name of the model, or id of the deployment that a definition describes. */
  readonly model: string;
  readonly dispatch: DispatchRequest;
  /** Estimated when first asked for. */
  readonly inputTokens: () => number;
}

const failures: Readonly<
  Record<NonNullable<RequestRouting['failFirst']>['kind'], (message: string) => AppError>
> = {
  error: (message) => new AppError('model_unavailable', message),
  'rate-limit': (message) => new AppError('rate_limited', message),
  'context-window': (message) => new AppError('context_window_exceeded', message),
  'content-policy': (message) => new AppError('content_blocked', message),
};

function fallbacksOf(
  reference: ModelReference | undefined,
  routing: RequestRouting | undefined,
): readonly FallbackTarget[] | undefined {
  const own = [...(routing?.fallbacks ?? []), ...(reference?.fallbacks ?? []).map((model) => ({ model }))];
  return own.length === 0 ? undefined : own;
}

/** Looks up who is calling and what for. Errors: `forbidden` for a model that the key may not use, those of `target`. */
export async function prepareCall(
  deps: {
    readonly callers: CallerDirectory;
    readonly target: (reference: ModelReference | undefined) => string | Deployment;
    readonly list: () => ModelList;
  },
  call: GatewayCall,
  operation: AdmissionRequest['operation'],
): Promise<PreparedCall> {
  const { caller, reference, routing, wire, stream, signal } = call;
  const attributes = await deps.callers.attributesOf(caller.scope);
  const target = deps.target(reference);
  const model = typeof target === 'string' ? target : target.id;
  const fallbacks = fallbacksOf(reference, routing);
  const { models } = attributes;
  if (models !== undefined) {
    // Those of the list and of definitions are left out where the key may not use them; what a request names is refused.
    const names = [model, ...(routing?.fallbacks ?? []).map((fallback) => fallback.model)];
    const refused = names.find((name) => !isModelAllowed(name, models, deps.list()));
    if (refused !== undefined)
      throw new AppError('forbidden', `the key may not use the model "${refused}"`, {
        details: { param: 'model' },
      });
  }
  let estimated: number | undefined;
  const inputTokens = (): number =>
    (estimated ??= estimateTokens(wire?.json ?? (call.request().messages as unknown as Json)));
  let most: number | undefined;
  const mostInput = (): number => {
    if (wire !== undefined) return mostInputTokens(wire.json, wire.body.byteLength);
    const request = call.request() as unknown as JsonObject;
    return mostInputTokens(request, Buffer.byteLength(JSON.stringify(request)));
  };
  // A key that is bound to a user speaks for nobody else.
  const user = attributes.user ?? caller.user;
  const knownCaller: ModelCaller =
    user === caller.user && attributes.tags.length === 0
      ? caller
      : {
          ...caller,
          ...(user === undefined ? {} : { user }),
          tags: [...new Set([...attributes.tags, ...(caller.tags ?? [])])],
        };
  const failFirst = routing?.failFirst;
  return {
    model,
    inputTokens,
    dispatch: {
      caller: knownCaller,
      target,
      operation,
      stream,
      // Looked at only where something is limited.
      get inputTokens() {
        return inputTokens();
      },
      get mostInputTokens() {
        return (most ??= mostInput());
      },
      get answers() {
        return wire === undefined ? 1 : answerCount(wire.json);
      },
      get maxOutputTokens() {
        return wire === undefined ? call.request().settings?.maxTokens : outputLimit(wire.json);
      },
      tags: knownCaller.tags ?? [],
      ...(fallbacks === undefined ? {} : { fallbacks }),
      ...(models === undefined
        ? {}
        : { permits: (name: string) => isModelAllowed(name, models, deps.list()) }),
      ...(routing?.numRetries === undefined ? {} : { numRetries: routing.numRetries }),
      ...(routing?.timeoutMs === undefined ? {} : { timeoutMs: routing.timeoutMs }),
      ...(routing?.region === undefined ? {} : { region: routing.region }),
      ...(failFirst === undefined
        ? {}
        : {
            failFirst: {
              attempts: failFirst.attempts,
              error: failures[failFirst.kind]('failed on purpose, as the request asked'),
            },
          }),
      signal,
    },
  };
}
