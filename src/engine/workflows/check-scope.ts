import { didYouMean, isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { WorkflowSpec } from '../../protocol/index.ts';
import type { TemplateRead } from '../expressions/index.ts';
import type { PlannedStep, WorkflowPlan } from './plan-workflow.ts';
import { inputsSchema } from './ports-schema.ts';
import type { ActionDescription } from './workflow-action.ts';

/** What a path leads to, as far as the schemas say. */
type Seen =
  | { readonly kind: 'schema'; readonly schema: JsonObject }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'missing'; readonly message: string };

const unknown: Seen = { kind: 'unknown' };

/** Follows a path through a schema. `shown` is what leads to it. */
function followSchema(schema: JsonObject, path: readonly string[], shown: string): Seen {
  let at = schema;
  let place = shown;
  for (const name of path) {
    const { type, properties, additionalProperties, items } = at;
    if (type === 'array') {
      if (!/^\d+$/.test(name)) return { kind: 'missing', message: `${place} is a list and has no "${name}"` };
      if (!isJsonObject(items)) return unknown;
      at = items;
    } else if (type === 'object') {
      const known = isJsonObject(properties) ? properties : {};
      const property = Object.hasOwn(known, name) ? known[name] : additionalProperties;
      if (property === false)
        return {
          kind: 'missing',
          message: `${place} has no "${name}"${didYouMean(name, Object.keys(known))}`,
        };
      if (!isJsonObject(property)) return unknown;
      at = property;
    } else if (typeof type === 'string') {
      return {
        kind: 'missing',
        message: `${place} is ${type === 'integer' ? 'an' : 'a'} ${type} and has no "${name}"`,
      };
    } else return unknown;
    place = `${place}.${name}`;
  }
  return { kind: 'schema', schema: at };
}

/** The schema of a value that is known. */
function schemaOf(value: Json): JsonObject {
  if (value === null) return { type: 'null' };
  if (Array.isArray(value)) return { type: 'array' };
  if (!isJsonObject(value)) return { type: Number.isInteger(value) ? 'integer' : typeof value };
  const properties = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, schemaOf(item ?? null)]),
  );
  return { type: 'object', properties, additionalProperties: false };
}

const run: JsonObject = {
  type: 'object',
  properties: { id: { type: 'string' }, created_at: { type: 'string' } },
  additionalProperties: false,
};

const stepFields = ['output', 'status', 'error'];

/** Names that the platform itself puts into the scope, so that a loop cannot take them. */
export const scopeNames: readonly string[] =
  'inputs steps variables state run error output iteration index input value'.split(' ');

/** What the expressions of a workflow may read. */
export class WorkflowScope {
  readonly #roots: ReadonlyMap<string, JsonObject>;
  readonly #plan: WorkflowPlan;
  readonly #action: (name: string) => ActionDescription | undefined;

  constructor(
    spec: WorkflowSpec,
    plan: WorkflowPlan,
    action: (name: string) => ActionDescription | undefined,
  ) {
    this.#plan = plan;
    this.#action = action;
    this.#roots = new Map<string, JsonObject>([
      ['inputs', inputsSchema(spec)],
      ['variables', schemaOf(spec.variables as JsonObject)],
      ['run', run],
      ['state', {}],
    ]);
  }

  /** Names beside the usual ones that a step and its inner steps see. */
  localsOf(id: string): ReadonlyMap<string, JsonObject> {
    const locals = new Map<string, JsonObject>();
    for (let at = this.#plan.steps.get(id); at !== undefined; at = this.#around(at)) {
      const { forEach, repeatUntil } = at.step;
      if (at.entries.length > 0) locals.set('error', { type: 'object' });
      if (forEach !== undefined) locals.set(forEach.as, {}).set('index', { type: 'integer' });
      if (repeatUntil !== undefined) locals.set('output', {}).set('iteration', { type: 'integer' });
    }
    return locals;
  }

  /** What a read comes to, given the names that its place knows beside the usual ones. */
  see(read: Pick<TemplateRead, 'path' | 'computed'>, locals: ReadonlyMap<string, JsonObject>): Seen {
    const [root = '', ...path] = read.path;
    const local = locals.get(root);
    if (local !== undefined) return followSchema(local, path, root);
    if (root === 'steps') return this.#step(path, read.computed);
    const schema = this.#roots.get(root);
    if (schema !== undefined) return followSchema(schema, path, root);
    const names = [...this.#roots.keys(), 'steps', ...locals.keys()];
    return { kind: 'missing', message: `"${root}" is not defined${hintOf(root, names)}` };
  }

  #around(step: PlannedStep): PlannedStep | undefined {
    return step.group === null ? undefined : this.#plan.steps.get(step.group.id);
  }

  #step(path: readonly string[], computed: boolean): Seen {
    const [id, field, ...rest] = path;
    if (id === undefined)
      return {
        kind: 'missing',
        message: `steps needs the name of a step, such as steps.first.output${computed ? ': a computed name does not say what comes first' : ''}`,
      };
    const planned = this.#plan.steps.get(id);
    // Told by the plan.
    if (planned === undefined || field === undefined) return unknown;
    if (!stepFields.includes(field))
      return {
        kind: 'missing',
        message: `steps.${id} has ${stepFields.join(', ')}, but no "${field}"${didYouMean(field, stepFields)}`,
      };
    if (field === 'status') return followSchema({ type: 'string' }, rest, `steps.${id}.status`);
    if (field === 'error') return unknown;
    return this.#output(planned, rest);
  }

  #output({ step }: PlannedStep, path: readonly string[]): Seen {
    const output = this.#action(step.action)?.output ?? {};
    const shown = `steps.${step.id}.output`;
    if (step.forEach === undefined) return followSchema(output, path, shown);
    return followSchema({ type: 'array', items: output }, path, shown);
  }
}

function hintOf(root: string, names: readonly string[]): string {
  if (root === 'error') return ': only a step that on_error goes to has it';
  if (root === 'null') return ': the word is none';
  return didYouMean(root, names);
}
