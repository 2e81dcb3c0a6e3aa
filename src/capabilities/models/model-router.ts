import { toAppError, withDeadline, type Clock, type Logger } from '../../base/index.ts';
import { systemScope } from '../../protocol/index.ts';
import type { ModelCaller } from '../accounting/index.ts';
import { collectResponse } from './collect-response.ts';
import type { ModelGateway } from './gateway/gateway.ts';
import { offlineProviderName } from './offline/offline-name.ts';
import type { ModelInfo, ModelReference, ModelRouter, RoutedCallOptions } from './provider.ts';
import type { ModelRules } from './resolve-model.ts';
import type { Deployment } from './router/index.ts';

interface ModelRouterDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rules: ModelRules;
  readonly gateway: ModelGateway;
  /** First deployment behind a name of the list, or one that stands in none. */
  readonly find: (reference: ModelReference | undefined) => Deployment;
}

/** A provider that does not list its models within this time is left out of the list. */
const listTimeoutMs = 3000;

/** Calls that the platform makes for itself. */
const platform: ModelCaller = { scope: systemScope, requestId: 'platform' };

/** The router for callers that speak our own form: agents, and whoever embeds Agent33. */
export function createModelRouter(deps: ModelRouterDeps): ModelRouter {
  const { rules, clock, logger, gateway } = deps;
  const { directory } = rules;
  const open = (
    reference: ModelReference | undefined,
    request: Parameters<ModelRouter['stream']>[1],
    { signal, caller = platform, routing }: RoutedCallOptions,
    stream: boolean,
  ) =>
    gateway.open({
      caller,
      reference,
      stream,
      request: () => request,
      signal,
      ...(routing === undefined ? {} : { routing }),
    });

  return {
    resolve: (reference) => {
      const deployment = deps.find(reference);
      return { provider: deployment.provider(), model: deployment.model, id: deployment.group };
    },

    async *stream(reference, request, options) {
      let answer;
      try {
        answer = await open(reference, request, options, true);
      } catch (error) {
        yield { type: 'error', error: toAppError(error) };
        return;
      }
      if (answer.kind === 'events') yield* answer.events;
    },

    async complete(reference, request, options) {
      try {
        const answer = await open(reference, request, options, false);
        if (answer.kind === 'bytes') throw new TypeError('bytes came for a request in our own form');
        return await collectResponse(answer.events);
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
