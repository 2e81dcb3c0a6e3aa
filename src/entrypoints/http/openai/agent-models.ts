import { AppError } from '../../../base/index.ts';
import type { ModelReference } from '../../../capabilities/models/index.ts';
import type { StoredAgent } from '../../../engine/agents/index.ts';
import type { Scope } from '../../../protocol/index.ts';
import type { RouteDeps } from '../http-deps.ts';
import { modelNotFound } from './openai-error.ts';
import { findRunModel, type RunModel } from './run-models.ts';

/** What a model name of an OpenAI-compatible client means. */
export type CompletionTarget =
  | { readonly kind: 'agent'; readonly name: string; readonly updatedAt: string; readonly offline: boolean }
  | (RunModel & { readonly offline: boolean })
  | { readonly kind: 'model'; readonly name: string };

/** Names under which agents are known to Open WebUI set-ups; the value of the `agentic` label that takes one over. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['agentic-general', 'general'],
  ['agentic-research', 'research'],
  ['agentic-workflow', 'workflow'],
]);

const isNotFound = (error: unknown): boolean => error instanceof AppError && error.code === 'not_found';

type Deps = Pick<RouteDeps, 'agents' | 'gateway' | 'models' | 'teams' | 'workflows'>;

/** Would the offline assistant answer? */
function isOffline({ models }: Deps, reference: ModelReference | undefined): boolean {
  try {
    return models.resolve(reference).id.startsWith('offline/');
  } catch {
    // A model that cannot be resolved fails in the run, with its own words.
    return false;
  }
}

/** The agent behind an alias: one labelled for it, else the default one; `undefined` when there is no agent at all. */
async function agentOfAlias(
  { agents }: Pick<Deps, 'agents'>,
  scope: Scope,
  alias: string,
): Promise<StoredAgent | undefined> {
  const labelled = (await agents.list(scope)).find(
    ({ definition }) => definition.metadata.labels['agentic'] === aliases.get(alias),
  );
  if (labelled !== undefined) return labelled;
  try {
    return await agents.get(scope, await agents.defaultName(scope));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function agentOf(deps: Deps, scope: Scope, name: string): Promise<StoredAgent | undefined> {
  try {
    return await deps.agents.get(scope, name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return aliases.has(name) ? agentOfAlias(deps, scope, name) : undefined;
  }
}

/** Error: `not_found` (`model_not_found`) for a name that no rule of the router leads anywhere. */
function modelOf({ models }: Deps, name: string): CompletionTarget {
  try {
    models.resolve({ name });
  } catch (error) {
    const isUnknown = error instanceof AppError && error.details?.['unknownModel'] !== undefined;
    if (isUnknown || isNotFound(error)) throw modelNotFound(name, ` ${(error as AppError).message}`);
    throw error;
  }
  return { kind: 'model', name };
}

/** Does the model list give this name to somebody? */
export function isListedModel({ gateway }: Pick<Deps, 'gateway'>, name: string): boolean {
  const { groups, aliases: names } = gateway.list();
  return groups.has(name) || names.has(name);
}

/**
 * Finds what is meant: a name of the model list, an agent by name or alias, `team/…`, `workflow/…`, or whatever else the
 * router knows. Error: `not_found` (`model_not_found`).
 */
export async function findCompletionTarget(
  deps: Deps,
  scope: Scope,
  model: string,
): Promise<CompletionTarget> {
  if (isListedModel(deps, model)) return { kind: 'model', name: model };
  if (!model.includes('/')) {
    const agent = await agentOf(deps, scope, model);
    if (agent === undefined) return modelOf(deps, model);
    const { definition, updatedAt } = agent;
    const { name } = definition.metadata;
    return { kind: 'agent', name, updatedAt, offline: isOffline(deps, definition.spec.model) };
  }
  const run = await findRunModel(deps, scope, model);
  if (run !== undefined)
    return { ...run, offline: run.kind === 'team' && isOffline(deps, run.definition.spec.model) };
  return modelOf(deps, model);
}

/** Agents and the aliases that lead to one. */
export async function listAgentModels(
  { agents }: Pick<Deps, 'agents'>,
  scope: Scope,
): Promise<readonly { readonly id: string; readonly updatedAt: string }[]> {
  const all = await agents.list(scope);
  const own = all.map(({ definition, updatedAt }) => ({
    id: definition.metadata.name,
    updatedAt,
  }));
  const taken = new Set(own.map(({ id }) => id));
  const [first] = all;
  if (first === undefined) return own;
  const free = [...aliases.keys()].filter((alias) => !taken.has(alias));
  return [...own, ...free.map((id) => ({ id, updatedAt: first.updatedAt }))];
}
