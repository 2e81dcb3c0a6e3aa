import { AppError, type Json, type JsonObject } from '../../base/index.ts';
import type { AgentRequest, PermissionScope, RunTarget, Scope } from '../../protocol/index.ts';
import type { EvaluateInputs } from './evaluate-inputs.ts';

/** What a schedule or sensor starts. */
export interface Start {
  readonly source: 'schedule' | 'sensor';
  readonly name: string;
  readonly target: RunTarget;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** What `{{ … }}` in the inputs may name. */
  readonly variables: JsonObject;
  readonly sessionKey?: string | undefined;
  readonly metadata: JsonObject;
}

const automationScopes: readonly PermissionScope[] = [
  'agents:invoke',
  'teams:invoke',
  'workflows:invoke',
  'tools:execute',
];

/** For whom the runs of a schedule or sensor act: for itself, with the right to invoke and nothing more. */
export function automationScope(tenant: string, source: Start['source'], name: string): Scope {
  return { tenant, principal: `${source}:${name}`, scopes: automationScopes };
}

/** The request that starts a target. Errors: `expression_failed`, `invalid_definition`, `invalid_request`. */
export async function startRequest(evaluate: EvaluateInputs, start: Start): Promise<AgentRequest> {
  const inputs = (await evaluate(start.inputs as JsonObject, start.variables)) as JsonObject;
  return {
    source: start.source,
    target: start.target,
    input: start.target.kind === 'workflow' ? inputs : conversation(inputs, start.target),
    sessionKey: start.sessionKey ?? null,
    dedupeKey: null,
    replyTo: null,
    timeoutMs: null,
    metadata: start.metadata,
  };
}

/** Agents and teams are told a message; further inputs are values for their instructions. */
function conversation(inputs: JsonObject, target: RunTarget): Json {
  const { message, ...variables } = inputs;
  if (message === undefined || message === null || message === '')
    throw new AppError('invalid_request', `inputs.message: ${target.kind} "${target.name}" needs a text`);
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  return Object.keys(variables).length === 0 ? { message: text } : { message: text, variables };
}

/** Faults that pass by themselves; everything else would fail again in the same way. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof AppError &&
    ['storage_unavailable', 'storage_full', 'not_ready', 'timeout'].includes(error.code)
  );
}
