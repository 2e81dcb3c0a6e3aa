import type { Clock, Json, JsonObject } from '../../base/index.ts';
import type { ActionRegistry } from './action-registry.ts';

/** Expressions as the executor needs them; `createExpressions` makes them. Errors: `expression_failed`. */
export interface ExpressionEngine {
  evaluate(template: Json, scope: JsonObject): Json;
  condition(text: string | boolean, scope: JsonObject): boolean;
  references(template: Json): readonly (readonly string[])[];
}

/** What an execution of a workflow stands on. */
export interface ExecutionDeps {
  readonly actions: ActionRegistry;
  readonly expressions: ExpressionEngine;
  readonly clock: Clock;
}
