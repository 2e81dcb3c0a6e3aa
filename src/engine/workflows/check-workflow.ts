import { didYouMean, type JsonObject } from '../../base/index.ts';
import type { Definition, WorkflowSpec } from '../../protocol/index.ts';
import type { DefinitionCheck, DefinitionFault } from '../definitions/index.ts';
import { compileTemplate, jsonataFault, type Expressions } from '../expressions/index.ts';
import type { ActionRegistry } from './action-registry.ts';
import { scopeNames, WorkflowScope } from './check-scope.ts';
import { mayFit, typesOf, ValueChecker } from './check-values.ts';
import { planWorkflow, type PlannedStep, type WorkflowPlan } from './plan-workflow.ts';
import { inputsSchema, portTypes, readPort, typeSchema } from './ports-schema.ts';
import { stepTexts, textsIn, type StepText } from './plan-workflow-texts.ts';

export interface WorkflowCheckDeps {
  readonly expressions: Expressions;
  /** The actions there are. */
  readonly actions: Pick<ActionRegistry, 'find' | 'list'>;
}

type Path = readonly PropertyKey[];
type Locals = ReadonlyMap<string, JsonObject>;

const nothing: Locals = new Map();

/** Inputs that an action evaluates itself; other literal ones take no expressions at all. */
const ownExpressions = new Set(['expression', 'template', 'jsonata', 'condition', 'rules']);

class WorkflowChecker {
  readonly faults: DefinitionFault[] = [];
  readonly #deps: WorkflowCheckDeps;
  readonly #spec: WorkflowSpec;
  readonly #plan: WorkflowPlan;
  readonly #scope: WorkflowScope;

  constructor(deps: WorkflowCheckDeps, spec: WorkflowSpec) {
    this.#deps = deps;
    this.#spec = spec;
    const { plan, faults } = planWorkflow(spec, deps.expressions);
    this.#plan = plan;
    this.faults.push(...faults);
    this.#scope = new WorkflowScope(spec, plan, (name) => deps.actions.find(name));
  }

  run(): readonly DefinitionFault[] {
    this.#ports();
    for (const planned of this.#plan.steps.values()) this.#step(planned);
    for (const text of textsIn(this.#spec.outputs as JsonObject | undefined, ['spec', 'outputs']))
      this.#output(text);
    return this.faults;
  }

  #fault(path: Path, message: string): void {
    this.faults.push({ path, message });
  }

  #ports(): void {
    for (const [name, port] of Object.entries(this.#spec.inputs)) {
      const path = ['spec', 'inputs', name];
      const written = typeof port === 'string' ? port : port['type'];
      const place = typeof port === 'string' ? path : [...path, 'type'];
      if (typeof written === 'string' && typeSchema(written) === undefined) {
        this.#fault(place, `there is no type "${written}"${didYouMean(written, portTypes)}`);
        continue;
      }
      const { schema } = readPort(port);
      const { default: value } = schema;
      if (value === undefined) continue;
      const checker = new ValueChecker(() => undefined, 'field');
      checker.check(value, schema, [...path, 'default']);
      this.faults.push(...checker.faults);
    }
  }

  #step(planned: PlannedStep): void {
    const { step, path } = planned;
    this.#loop(planned);
    this.#unreachable(planned);
    this.#group(planned);
    const locals = this.#scope.localsOf(step.id);
    this.#action(step.action, step.inputs as JsonObject, path, locals);
    if (step.compensate !== undefined) {
      const { action, inputs } = step.compensate;
      this.#action(action, inputs as JsonObject, [...path, 'compensate'], locals);
      if (this.#deps.actions.find(action)?.mode === 'group')
        this.#fault(
          [...path, 'compensate', 'action'],
          `"${action}" has steps of its own and cannot undo a step`,
        );
    }
    for (const text of stepTexts(step, path)) this.#text(text, this.#localsAt(planned, text, locals));
  }

  #loop({ step, path }: PlannedStep): void {
    const { forEach } = step;
    if (forEach === undefined) return;
    if (scopeNames.includes(forEach.as))
      this.#fault([...path, 'forEach', 'as'], `"${forEach.as}" has a meaning already; take another name`);
    if (typeof forEach.items !== 'string') return;
    const types = this.#typesOfBare(forEach.items);
    if (types !== undefined && !mayFit(types, new Set(['array'])))
      this.#fault(
        [...path, 'forEach', 'items'],
        `expected a list, but ${forEach.items.trim()} is ${[...types].join(' or ')}`,
      );
  }

  #typesOfBare(expression: string): ReadonlySet<string> | undefined {
    const schema = this.#schemaOfText(
      /\{[{%]/.test(expression) ? expression : `{{ ${expression} }}`,
      nothing,
    );
    return schema === undefined ? undefined : typesOf(schema);
  }

  #unreachable({ step, path }: PlannedStep): void {
    const never = (value: unknown): boolean =>
      value === false || (typeof value === 'string' && /^(?:\{\{\s*)?false(?:\s*\}\})?$/i.test(value.trim()));
    const always = (value: unknown): boolean =>
      value === true || (typeof value === 'string' && /^(?:\{\{\s*)?true(?:\s*\}\})?$/i.test(value.trim()));
    if (never(step.when))
      this.#fault([...path, 'when'], `"${step.id}" is never done: its condition never holds`);
    if (step.action !== 'conditional') return;
    const { condition } = step.inputs;
    if (never(condition) && (step.steps ?? []).length > 0)
      this.#fault([...path, 'steps'], 'these steps are never done: the condition never holds');
    if (always(condition) && (step.else ?? []).length > 0)
      this.#fault([...path, 'else'], 'these steps are never done: the condition always holds');
  }

  #group({ step, path }: PlannedStep): void {
    const action = this.#deps.actions.find(step.action);
    if (action === undefined) return;
    if (action.mode !== 'group') {
      for (const branch of ['steps', 'else'] as const)
        if (step[branch] !== undefined)
          this.#fault(
            [...path, branch],
            `"${step.action}" takes no steps of its own; only conditional and parallel_group do`,
          );
      return;
    }
    if ((step.steps ?? []).length + (step.else ?? []).length === 0)
      this.#fault([...path, 'action'], `"${step.action}" needs steps`);
    if (step.action === 'parallel_group' && step.else !== undefined)
      this.#fault([...path, 'else'], 'only conditional has an else');
  }

  #action(name: string, inputs: JsonObject, path: Path, locals: Locals): void {
    const action = this.#deps.actions.find(name);
    if (action === undefined) {
      const names = this.#deps.actions.list().map((one) => one.name);
      const hint = didYouMean(name.replaceAll('-', '_'), names);
      this.#fault([...path, 'action'], `there is no action "${name}"${hint}`);
      return;
    }
    const checker = new ValueChecker((text) => this.#schemaOfText(text, locals));
    checker.object(inputs, action.inputs, [...path, 'inputs']);
    this.faults.push(...checker.faults);
    for (const key of action.literal) {
      const value = inputs[key];
      if (value === undefined || ownExpressions.has(key)) continue;
      for (const { path: place } of textsIn(value, [...path, 'inputs', key]))
        this.#fault(place, `"${key}" takes no expressions`);
    }
  }

  /** The schema of what a text comes to. */
  #schemaOfText(text: string, locals: Locals): JsonObject | undefined {
    const compiled = compileTemplate(text);
    if (compiled.kind === 'mixed') return { type: 'string' };
    if (compiled.kind !== 'path') return undefined;
    const seen = this.#scope.see(compiled.reads[0], locals);
    return seen.kind === 'schema' ? seen.schema : undefined;
  }

  /** Names that a text of a step sees beside the usual ones. */
  #localsAt(planned: PlannedStep, text: StepText, all: Locals): Locals {
    const { step, path, group } = planned;
    const place = text.path.slice(path.length);
    const locals = new Map(all);
    if (place[0] === 'when' || place[0] === 'forEach') {
      const outer = group === null ? nothing : this.#scope.localsOf(group.id);
      const error = all.get('error');
      return error === undefined ? outer : new Map([...outer, ['error', error]]);
    }
    if (place[0] === 'compensate') locals.set('output', {});
    if (place[0] === 'inputs' && step.action === 'transform') locals.set('input', {});
    if (place[0] === 'inputs' && place[1] === 'rules') locals.set('value', {});
    return locals;
  }

  #text(text: StepText, locals: Locals): void {
    if (text.form === 'jsonata') {
      const fault = jsonataFault(text.text);
      if (fault !== undefined) this.#fault(text.path, `JSONata: ${fault}`);
      return;
    }
    const fault = this.#deps.expressions.fault(text.text);
    if (fault !== undefined) {
      this.#fault(text.path, fault);
      return;
    }
    const compiled = compileTemplate(text.text);
    if (compiled.kind === 'text') return;
    if (text.bare && compiled.kind === 'mixed') {
      this.#fault(text.path, 'expected one expression, such as inputs.x > 3, without text around it');
      return;
    }
    for (const read of compiled.reads) {
      if (read.guarded) continue;
      const seen = this.#scope.see(read, locals);
      if (seen.kind === 'missing') this.#fault(text.path, seen.message);
    }
  }

  #output(text: StepText): void {
    for (const path of this.#deps.expressions.references(text.text)) {
      const [root, id] = path;
      if (root === 'steps' && id !== undefined && !this.#plan.steps.has(id))
        this.#fault(text.path, `there is no step "${id}"${didYouMean(id, [...this.#plan.steps.keys()])}`);
    }
    this.#text(text, nothing);
  }
}

/** Looks at everything in a workflow that can be known before it runs. */
export function createWorkflowCheck(deps: WorkflowCheckDeps): DefinitionCheck {
  return (definition: Definition) =>
    definition.kind === 'Workflow' ? new WorkflowChecker(deps, definition.spec).run() : [];
}

/** The inputs that a call of a workflow gives, against what it takes. */
export function checkWorkflowInputs(
  spec: WorkflowSpec,
  given: JsonObject,
  path: Path,
): readonly DefinitionFault[] {
  const checker = new ValueChecker(() => undefined);
  checker.object(given, inputsSchema(spec), path);
  return checker.faults;
}
