import { AppError, isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { Expressions } from '../../../engine/expressions/index.ts';

/** Finds a value in a call; `undefined` where there is none. Error: `expression_failed` says why a template has none. */
export type ReadField = (scope: JsonObject) => Json | undefined;

/** What templates are evaluated with, as soon as it is there. */
export type ExpressionSource = () => Expressions;

export const isTemplate = (expression: string): boolean => /\{[{%]/.test(expression);

const key = String.raw`\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]`;

/**
 * Makes a field of the definition ready: a template, a path such as `body.a[0]['b c']`, `headers.x-event`, `query.q` or
 * `$.a` (of the body), or a JSON pointer into the body. Error: `invalid_definition`.
 */
export function compileField(expression: string, expressions: ExpressionSource): ReadField {
  if (isTemplate(expression)) return (scope) => expressions().evaluate(expression, scope);
  const path = pathOf(expression.trim());
  if (path === undefined)
    throw new AppError(
      'invalid_definition',
      `"${expression}" is neither a path (body.title, headers.x-event, query.id, $.a[0], /a/0) nor a text with {{ … }}`,
    );
  return (scope) => follow(scope, path);
}

function pathOf(expression: string): readonly string[] | undefined {
  if (expression.startsWith('/'))
    return [
      'body',
      ...expression
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')),
    ];
  const [root] = /^(?:\$|body|headers|query|event)(?![A-Za-z0-9_-])/.exec(expression) ?? [];
  if (root === undefined) return undefined;
  const rest = expression.slice(root.length);
  if (!new RegExp(`^(?:${key})*$`).test(rest)) return undefined;
  const steps = [...rest.matchAll(new RegExp(key, 'g'))].map(
    ([, name, index, single, double]) => name ?? index ?? single ?? double ?? '',
  );
  if (root === 'headers') return [root, ...steps.map((name) => name.toLowerCase())];
  return [root === '$' ? 'body' : root, ...steps];
}

/** By own properties and elements only: nothing inherited can be reached. */
function follow(scope: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = scope;
  for (const step of path) {
    if (Array.isArray(value))
      value = /^\d+$/.test(step) ? (value as readonly Json[])[Number(step)] : undefined;
    else value = isJsonObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
    if (value === undefined) return undefined;
  }
  return value;
}
