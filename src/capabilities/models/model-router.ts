import { toAppError, withDeadline, type AppError, type Clock, type Logger } from '../../base/index.ts';
import { collectResponse } from './collect-response.ts';
import { withCost } from '../accounting/index.ts';
import type { ModelMetrics } from './model-metrics.ts';
import { offlineProviderName } from './offline/offline-name.ts';
import type { ModelPrice } from '../accounting/index.ts';
import type { ModelInfo, ModelReference, ModelRouter, ResolvedModel } from './provider.ts';
import { resolveModel, type ModelRules } from './resolve-model.ts';
import { runCandidates } from './run-candidates.ts';

interface ModelRouterDeps {
  readonly clock: Clock;
  readonly metrics: ModelMetrics;
  readonly logger: Logger;
  readonly rules: ModelRules;
  readonly prices: Readonly<Record<string, ModelPrice>>;
  /** Bound of a whole call: all attempts and fallbacks together. */
  readonly timeoutMs: number;
}

/** A provider that does not list its models within this time is left out of the list. */
const listTimeoutMs = 3000;

/** The router over the providers of its directory. */
export function createModelRouter(deps: ModelRouterDeps): ModelRouter {
  const { rules, clock, logger, prices } = deps;
  const { directory } = rules;

  /** The model named, then its fallbacks; a fallback that does not exist is passed over when its turn comes. */
  function candidatesOf(reference: ModelReference | undefined): (() => ResolvedModel)[] {
    const first = resolveModel(reference, rules);
    return [() => first, ...(reference?.fallbacks ?? []).map((name) => () => resolveModel({ name }, rules))];
  }
  const attemptDeps = {
    ...deps,
    note: (provider: string, error: AppError | undefined) => {
      if (error === undefined) directory.note(provider, 'ok');
      else if (error.code === 'model_unavailable') directory.note(provider, 'down', error.message);
    },
    cost: (usage: Parameters<typeof withCost>[0], provider: string, model: string) =>
      withCost(usage, provider, model, prices),
  };

  return {
    resolve: (reference) => resolveModel(reference, rules),

    async *stream(reference, request, options) {
      let candidates;
      try {
        candidates = candidatesOf(reference);
      } catch (error) {
        yield { type: 'error', error: toAppError(error) };
        return;
      }
      yield* runCandidates(attemptDeps, candidates, options, async function* ({ provider, model }, signal) {
        yield* provider.stream({ ...request, model }, { signal });
      });
    },

    async complete(reference, request, options) {
      const candidates = candidatesOf(reference);
      // The whole answer counts as one part: nothing of it is handed on before it is there.
      const parts = runCandidates(
        attemptDeps,
        candidates,
        options,
        async function* ({ provider, model }, signal) {
          const {
            text,
            reasoning,
            toolCalls,
            finishReason,
            usage,
            model: answering,
          } = await provider.complete({ ...request, model }, { signal });
          if (reasoning !== undefined) yield { type: 'reasoning-delta', text: reasoning };
          if (text !== '') yield { type: 'text-delta', text };
          for (const call of toolCalls) yield { type: 'tool-call', call };
          yield { type: 'finish', finishReason, usage, model: answering };
        },
      );
      try {
        return await collectResponse(parts);
      } catch (error) {
        if (options.signal.aborted) throw options.signal.reason;
        throw error;
      }
    },

    async listModels(options) {
      const { signal, clear } = withDeadline(clock, listTimeoutMs, options.signal);
      try {
        const lists = await Promise.allSettled(
          directory.all.map(async (provider): Promise<readonly ModelInfo[]> => {
            try {
              return await provider.listModels({ signal });
            } catch (error) {
              logger.debug({ provider: provider.name, error }, 'models of a provider cannot be listed');
              throw error;
            }
          }),
        );
        if (options.signal.aborted) throw options.signal.reason;
        return lists.flatMap((list) => (list.status === 'fulfilled' ? list.value : []));
      } finally {
        clear();
      }
    },

    register: (provider) => directory.register(provider),

    status: () => {
      const defaultModel = rules.defaultModel();
      return {
        defaultModel,
        offline: defaultModel.startsWith(`${offlineProviderName}/`),
        providers: directory.statuses(),
      };
    },
  };
}
