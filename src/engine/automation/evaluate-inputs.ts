import type { Json, JsonObject } from '../../base/index.ts';

/** Fills the `{{ … }}` of inputs; a text that is one expression keeps its type. Error: `expression_failed`. */
export type EvaluateInputs = (template: Json, variables: JsonObject) => Json | Promise<Json>;

/** Does an expression such as `event.payload.amount > 100` hold? Error: `expression_failed`. */
export type EvaluateCondition = (expression: string, variables: JsonObject) => boolean | Promise<boolean>;
