import { AppError, isJsonObject, type Json } from '../../../base/index.ts';
import { inputsSchema } from '../../../engine/workflows/index.ts';
import {
  hasScope,
  type Scope,
  type TeamDefinition,
  type WorkflowDefinition,
} from '../../../protocol/index.ts';
import type { RouteDeps } from '../http-deps.ts';
import { modelNotFound } from './openai-error.ts';

type Deps = Pick<RouteDeps, 'teams' | 'workflows'>;

/** A team or workflow that OpenAI-compatible clients use like a model, as `team/NAME` or `workflow/NAME`. */
export type RunModel = {
  /** As clients name it. */
  readonly id: string;
  readonly name: string;
  readonly updatedAt: string;
} & (
  | { readonly kind: 'team'; readonly definition: TeamDefinition }
  /** `input`: the name of the input that takes the message. */
  | { readonly kind: 'workflow'; readonly input: string }
);

const isText = (schema: Json | undefined): boolean => isJsonObject(schema) && schema['type'] === 'string';

/** The input that takes a message: the only one that has to be given, else the only one; and it has to be a text. */
function textInputOf({ spec }: WorkflowDefinition): string | undefined {
  const { properties, required } = inputsSchema(spec);
  const all = isJsonObject(properties) ? properties : {};
  const needed = Array.isArray(required) ? required.map(String) : [];
  const names = needed.length === 0 ? Object.keys(all) : needed;
  const [only] = names;
  return names.length === 1 && only !== undefined && isText(all[only]) ? only : undefined;
}

async function found<T>(model: string, wanted: Promise<T>): Promise<T> {
  try {
    return await wanted;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
    throw modelNotFound(model, ` ${error.message}`);
  }
}

/** The team or workflow of that name; `undefined` when the name is none of one. Error: `not_found` (`model_not_found`). */
export async function findRunModel(
  { teams, workflows }: Deps,
  scope: Scope,
  model: string,
): Promise<RunModel | undefined> {
  const [, kind, name = ''] = /^(team|workflow)\/(.+)$/.exec(model) ?? [];
  if (kind === undefined) return undefined;
  if (kind === 'team') {
    const { definition, updatedAt } = await found(model, teams.get(scope, name));
    return { id: model, kind, name, updatedAt, definition };
  }
  const { definition, updatedAt } = await found(model, workflows.get(scope, name));
  const input = textInputOf(definition);
  if (input === undefined)
    throw modelNotFound(model, ' The workflow does not take one text as its input; run it over /api/v1.');
  return { id: model, kind: 'workflow', name, updatedAt, input };
}

/** Teams, and workflows that take one text, as far as the caller may see them. */
export async function listRunModels(
  { teams, workflows }: Deps,
  scope: Scope,
): Promise<readonly { readonly id: string; readonly updatedAt: string }[]> {
  const sees = (kind: 'teams' | 'workflows'): boolean =>
    hasScope(scope, `${kind}:read`) || hasScope(scope, `${kind}:invoke`);
  const ofTeams = sees('teams') ? await teams.list(scope) : [];
  const ofWorkflows = sees('workflows') ? await workflows.list(scope) : [];
  return [
    ...ofTeams.map(({ definition, updatedAt }) => ({ id: `team/${definition.metadata.name}`, updatedAt })),
    ...ofWorkflows
      .filter(({ definition }) => textInputOf(definition) !== undefined)
      .map(({ definition, updatedAt }) => ({ id: `workflow/${definition.metadata.name}`, updatedAt })),
  ];
}
