import type { Json, JsonObject } from '../../base/index.ts';

/** Evaluates the `{{ … }}` of definitions. All of it is synchronous and depends on nothing but what is given. */
export interface Expressions {
  /**
   * Walks lists and objects and evaluates their texts. A text that is exactly one `{{ … }}` keeps the type of the
   * expression; any other is rendered to text. Values never become templates themselves. Error: `expression_failed`.
   */
  evaluate(template: Json, scope: JsonObject): Json;
  /** Renders a text to text, also one that is a single expression. Error: `expression_failed`. */
  render(template: string, scope: JsonObject): string;
  /** Does it hold? A bare expression (`inputs.x > 3`), `{{ … }}`, or a boolean. Error: `expression_failed`. */
  condition(expression: string | boolean, scope: JsonObject): boolean;
  /** The literal paths that a template reads, such as ["steps", "a", "output", "y"]; an index is its digits. */
  references(template: Json): readonly (readonly string[])[];
  /** The first syntax error of a template, if any. */
  fault(template: Json): string | undefined;
}

/** A bare expression as a template; a text that holds `{{` or `{%` is one already. */
export function asTemplate(expression: string): string {
  return /\{[{%]/.test(expression) ? expression : `{{ ${expression} }}`;
}
