import { AppError } from '../../../base/index.ts';
import { resolveTarget, type ModelInfo } from '../../../capabilities/models/index.ts';
import { hasScope, type Scope } from '../../../protocol/index.ts';
import type { RouteDeps } from '../http-deps.ts';
import { findCompletionTarget, listAgentModels } from './agent-models.ts';
import { modelNotFound } from './openai-error.ts';
import { listRunModels } from './run-models.ts';

/** How long a list of a provider's models is used: clients ask often, providers answer slowly. */
const freshMs = 10_000;

/** An entry of `GET /v1/models`. */
export interface WireModel {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
  readonly name: string;
}

interface ModelList {
  /** Agents for all; teams, workflows, names of the model list and models of providers for those who may see or use them. */
  all(scope: Scope, signal: AbortSignal): Promise<readonly WireModel[]>;
  /** Error: `not_found` (`model_not_found`) for what nobody offers, though a provider might be asked for it. */
  get(scope: Scope, id: string, signal: AbortSignal): Promise<WireModel>;
}

/** What OpenAI-compatible clients see as models. */
export function createModelList(deps: RouteDeps): ModelList {
  const { clock, models } = deps;
  const startedAt = Math.floor(clock.now() / 1000);
  let cached: { readonly atMs: number; readonly list: Promise<readonly ModelInfo[]> } | undefined;

  const entry = (id: string, ownedBy: string, created: number): WireModel => ({
    id,
    object: 'model',
    created,
    owned_by: ownedBy,
    name: id,
  });
  const agentEntry = (id: string, updatedAt: string): WireModel =>
    entry(id, 'agent33', Math.floor(Date.parse(updatedAt) / 1000));
  const ofProviders = (signal: AbortSignal): Promise<readonly ModelInfo[]> => {
    if (cached === undefined || clock.now() - cached.atMs >= freshMs) {
      const list = models.listModels({ signal });
      cached = { atMs: clock.now(), list };
      list.catch(() => {
        cached = undefined;
      });
    }
    return cached.list;
  };

  return {
    async all(scope, signal) {
      const agents = [...(await listAgentModels(deps, scope)), ...(await listRunModels(deps, scope))].map(
        ({ id, updatedAt }) => agentEntry(id, updatedAt),
      );
      const mayUseModels = hasScope(scope, 'models:read') || hasScope(scope, 'models:invoke');
      if (!mayUseModels) return agents;
      const direct = await ofProviders(signal);
      const { groups, aliases } = deps.gateway.list();
      // A pattern is no name that can be asked for.
      const listed = [...groups.keys(), ...aliases.keys()].filter((name) => !name.includes('*'));
      const taken = new Set(listed);
      const isPermitted = await deps.gateway.permitted(scope);
      return [
        ...listed.filter(isPermitted).map((id) => entry(id, 'agent33', startedAt)),
        ...agents.filter(({ id }) => !taken.has(id)),
        ...direct
          .map(({ id, provider }) => entry(`${provider}/${id}`, provider, startedAt))
          .filter(({ id }) => isPermitted(id)),
      ];
    },
    async get(scope, id, signal) {
      const target = await findCompletionTarget(deps, scope, id).catch((error: unknown) => {
        // A provider that is not connected has no models.
        if (error instanceof AppError && error.code === 'model_unavailable')
          throw modelNotFound(id, ` ${error.message}`);
        throw error;
      });
      if (target.kind !== 'model') return agentEntry(id, target.updatedAt);
      const isListed = id === 'default' || resolveTarget(id, deps.gateway.list()).by !== 'none';
      if (isListed) return entry(id, 'agent33', startedAt);
      const direct = await ofProviders(signal);
      const found = direct.find((one) => id === `${one.provider}/${one.id}` || id === one.id);
      if (found !== undefined) return entry(id, found.provider, startedAt);
      // A provider that cannot say what it has may still have it.
      const [provider = ''] = id.split('/');
      if (!id.includes('/') || direct.some((one) => one.provider === provider)) throw modelNotFound(id);
      return entry(id, provider, startedAt);
    },
  };
}
