import type { ModelInfo } from '../../../capabilities/models/index.ts';
import { hasScope, type Scope } from '../../../protocol/index.ts';
import type { RouteDeps } from '../http-deps.ts';
import { findCompletionTarget, listAgentModels } from './agent-models.ts';
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
  /** Error: `not_found`. */
  get(scope: Scope, id: string): Promise<WireModel>;
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
      const listed = [...groups.keys(), ...aliases.keys()];
      const taken = new Set(listed);
      return [
        ...listed.map((id) => entry(id, 'agent33', startedAt)),
        ...agents.filter(({ id }) => !taken.has(id)),
        ...direct.map(({ id, provider }) => entry(`${provider}/${id}`, provider, startedAt)),
      ];
    },
    async get(scope, id) {
      const target = await findCompletionTarget(deps, scope, id);
      if (target.kind !== 'model') return agentEntry(id, target.updatedAt);
      return entry(id, id.includes('/') ? (id.split('/')[0] ?? '') : 'agent33', startedAt);
    },
  };
}
