import { didYouMean } from '../../base/index.ts';
import type { WorkflowSpec, WorkflowStep } from '../../protocol/index.ts';
import type { DefinitionFault } from '../definitions/index.ts';
import { jsonataReferences, type Expressions } from '../expressions/index.ts';
import { circles, topologicalOrder } from './plan-workflow-order.ts';
import { stepTexts } from './plan-workflow-texts.ts';

/** A step with its place in the graph. */
export interface PlannedStep {
  readonly step: WorkflowStep;
  /** Where it stands in the definition, e.g. ['spec','steps',3] or ['spec','steps',1,'steps',0]. */
  readonly path: readonly PropertyKey[];
  /** The group (`steps` or `else` of a conditional or parallel_group) that it is in; null at the top. */
  readonly group: { readonly id: string; readonly branch: 'steps' | 'else' } | null;
  /**
   * Ids of steps that come first: `dependsOn`, and those that its expressions name. Only siblings or steps of enclosing
   * levels: whoever names a step inside another group waits for the group.
   */
  readonly dependencies: readonly string[];
  /** It is reached only through `onError: {goto}` of these steps; empty for an ordinary step. */
  readonly entries: readonly string[];
}

/** The graph of a workflow. */
export interface WorkflowPlan {
  readonly steps: ReadonlyMap<string, PlannedStep>;
  /** All ids in topological order; a group stands before its inner steps. */
  readonly order: readonly string[];
  /** Ids of all steps that wait for this one, directly or not, and of the inner steps of groups that do; not itself. */
  readonly downstream: (id: string) => ReadonlySet<string>;
}

interface Node {
  readonly step: WorkflowStep;
  readonly path: readonly PropertyKey[];
  readonly group: PlannedStep['group'];
  /** Dependency → where it is named. */
  readonly dependencies: Map<string, readonly PropertyKey[]>;
  readonly entries: string[];
  readonly inner: string[];
}

/** Hints cost a look at every name; a definition full of wrong ones gets this many. */
const mostHints = 50;

/** Name of the end of a group in the graph; no id holds a space. */
const endOf = (id: string): string => `${id} end`;
const ownerOf = (name: string): string => name.replace(/ end$/, '');

class Planner {
  readonly nodes = new Map<string, Node>();
  readonly faults: DefinitionFault[] = [];
  readonly #expressions: Expressions;
  #hints = 0;

  constructor(expressions: Expressions) {
    this.#expressions = expressions;
  }

  collect(steps: readonly WorkflowStep[], path: readonly PropertyKey[], group: PlannedStep['group']): void {
    for (const [index, step] of steps.entries()) {
      const place = [...path, index];
      const twin = this.nodes.get(step.id);
      if (twin === undefined) {
        this.nodes.set(step.id, {
          step,
          path: place,
          group,
          dependencies: new Map(),
          entries: [],
          inner: [],
        });
        if (group !== null) this.nodes.get(group.id)?.inner.push(step.id);
      } else {
        this.fault([...place, 'id'], `a step "${step.id}" exists already (${twin.path.slice(1).join('.')})`);
      }
      for (const branch of ['steps', 'else'] as const)
        this.collect(step[branch] ?? [], [...place, branch], { id: step.id, branch });
    }
  }

  fault(path: readonly PropertyKey[], message: string): void {
    this.faults.push({ path, message });
  }

  /** The groups around a step, the nearest first. */
  #groupsAround(node: Node): NonNullable<PlannedStep['group']>[] {
    const around: NonNullable<PlannedStep['group']>[] = [];
    let group = node.group;
    while (group !== null) {
      around.push(group);
      group = this.nodes.get(group.id)?.group ?? null;
    }
    return around;
  }

  /** What a step waits for when it names another: that one, or the group around it; a text says why it cannot. */
  #waitsFor(id: string, named: string): { readonly id: string } | string {
    const node = this.nodes.get(id);
    if (node === undefined) return 'unknown';
    const around = this.#groupsAround(node);
    if (named === id) return 'a step cannot come before itself';
    if (around.some((group) => group.id === named))
      return `"${id}" is inside "${named}" and cannot wait for it`;
    const branches = new Map(around.map((group) => [group.id, group.branch]));
    let at = named;
    for (;;) {
      const other = this.nodes.get(at);
      if (other === undefined || other.group === null) return { id: at };
      const branch = branches.get(other.group.id);
      if (branch === other.group.branch) return { id: at };
      if (branch !== undefined)
        return `"${named}" is in the other branch of "${other.group.id}": only one of them is done`;
      at = other.group.id;
    }
  }

  /** Names a step; a fault when there is none. */
  #known(name: string, path: readonly PropertyKey[]): boolean {
    if (this.nodes.has(name)) return true;
    this.#hints += 1;
    const hint = this.#hints > mostHints ? '' : didYouMean(name, [...this.nodes.keys()]);
    this.fault(path, `there is no step "${name}"${hint}`);
    return false;
  }

  #depend(node: Node, named: string, path: readonly PropertyKey[]): void {
    const target = this.#waitsFor(node.step.id, named);
    if (typeof target === 'string') this.fault(path, target);
    else if (!node.dependencies.has(target.id)) node.dependencies.set(target.id, path);
  }

  #goto(node: Node): void {
    const { onError, id } = node.step;
    if (typeof onError === 'string') return;
    const path = [...node.path, 'onError', 'goto'];
    if (!this.#known(onError.goto, path)) return;
    const target = this.nodes.get(onError.goto);
    if (target === undefined) return;
    if (target === node) this.fault(path, 'a step cannot go to itself');
    else if (target.group?.id !== node.group?.id || target.group?.branch !== node.group?.branch)
      this.fault(path, `"${onError.goto}" is not on the same level as "${id}"`);
    else target.entries.push(id);
  }

  link(): void {
    for (const node of this.nodes.values()) {
      for (const [index, named] of node.step.dependsOn.entries()) {
        const path = [...node.path, 'dependsOn', index];
        if (this.#known(named, path)) this.#depend(node, named, path);
      }
      for (const { text, form, path, when } of stepTexts(node.step, node.path)) {
        const references = form === 'jsonata' ? jsonataReferences(text) : this.#expressions.references(text);
        const names = new Set(
          references.flatMap(([root, name]) => (root === 'steps' && name !== undefined ? [name] : [])),
        );
        if (node.step.forEach?.as === 'steps') continue;
        for (const name of names) {
          // What comes after the act may read what it gave.
          const first = when === 'before' || (when === 'after' && name !== node.step.id);
          if (this.#known(name, path) && first) this.#depend(node, name, path);
        }
      }
      this.#goto(node);
    }
  }

  /** What stands for the end of a step in the graph. */
  endOf(id: string): string {
    return (this.nodes.get(id)?.inner.length ?? 0) > 0 ? endOf(id) : id;
  }

  /** Starts and ends of steps: an inner step starts after its group does, and the group ends after it. */
  graph(): Map<string, readonly string[]> {
    const end = (id: string): string => this.endOf(id);
    const graph = new Map<string, readonly string[]>();
    for (const [id, { group, dependencies, entries, inner }] of this.nodes) {
      const firsts = [...dependencies.keys(), ...entries].map(end);
      graph.set(id, group === null ? firsts : [...firsts, group.id]);
      if (inner.length > 0) graph.set(end(id), [id, ...inner.map(end)]);
    }
    return graph;
  }

  /** A group begins when everything is there that its inner steps need from outside. Adds no circle to a sound graph. */
  withGroups(graph: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, readonly string[]> {
    const wider = new Map(graph);
    for (const node of this.nodes.values()) {
      for (const named of node.dependencies.keys()) {
        let { group } = node;
        const level = this.nodes.get(named)?.group ?? null;
        while (group !== null && (group.id !== level?.id || group.branch !== level.branch)) {
          wider.set(group.id, [...(wider.get(group.id) ?? []), this.endOf(named)]);
          group = this.nodes.get(group.id)?.group ?? null;
        }
      }
    }
    return wider;
  }

  /** Where a step on a circle names the next one. */
  #placeOf(from: string, to: string): readonly PropertyKey[] {
    const node = this.nodes.get(from);
    if (node === undefined) return ['spec', 'steps'];
    return node.dependencies.get(to) ?? node.path;
  }

  #entersFrom(id: string, from: string): boolean {
    return this.nodes.get(id)?.entries.includes(from) ?? false;
  }

  circleFaults(graph: ReadonlyMap<string, readonly string[]>): void {
    for (const circle of circles(graph)) {
      const ids = circle.map(ownerOf);
      const way = ids.filter((id, index) => id !== ids[(index + ids.length - 1) % ids.length]);
      const named = way.findIndex((id, index) => {
        const next = way[(index + 1) % way.length] ?? '';
        return this.nodes.get(id)?.dependencies.has(next) ?? false;
      });
      const turned = [...way.slice(Math.max(named, 0)), ...way.slice(0, Math.max(named, 0))];
      const [first = '', second = first] = turned;
      const shown = [...turned, first].join(' → ');
      const back = turned.findIndex((id, index) => {
        const next = turned[(index + 1) % turned.length] ?? '';
        return !(this.nodes.get(id)?.dependencies.has(next) ?? false) && this.#entersFrom(id, next);
      });
      if (back === -1)
        this.fault(this.#placeOf(first, second), `steps wait for each other in a circle: ${shown}`);
      else {
        const from = turned[(back + 1) % turned.length] ?? '';
        const path = [...(this.nodes.get(from)?.path ?? []), 'onError', 'goto'];
        this.fault(path, `"${turned[back]}" comes before "${from}": going back is a circle, ${shown}`);
      }
    }
  }
}

/** Follows the graph backwards from the end of a step; of a group also from its start. */
function downstreamOf(
  nodes: ReadonlyMap<string, Node>,
  graph: ReadonlyMap<string, readonly string[]>,
): WorkflowPlan['downstream'] {
  const followers = new Map<string, string[]>();
  for (const [name, firsts] of graph) {
    for (const first of firsts) {
      const known = followers.get(first);
      if (known === undefined) followers.set(first, [name]);
      else known.push(name);
    }
  }
  return (id) => {
    const seen = new Set<string>([id]);
    const open = [id];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const next of followers.get(at) ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
    const found = new Set([...seen].map(ownerOf).filter((name) => nodes.has(name)));
    found.delete(id);
    return found;
  };
}

/**
 * Makes the graph of a workflow. Faults: ids that occur twice, names of steps that do not exist, steps that wait for
 * each other. With faults the plan holds what could be made out; such a workflow must not run.
 */
export function planWorkflow(
  spec: WorkflowSpec,
  expressions: Expressions,
): { plan: WorkflowPlan; faults: readonly DefinitionFault[] } {
  const planner = new Planner(expressions);
  planner.collect(spec.steps, ['spec', 'steps'], null);
  planner.link();
  const sound = planner.graph();
  if (topologicalOrder(sound).length < sound.size) planner.circleFaults(sound);
  const graph = planner.withGroups(sound);
  const order = topologicalOrder(graph);
  const { nodes, faults } = planner;
  const steps = new Map<string, PlannedStep>();
  for (const [id, { step, path, group, dependencies, entries }] of nodes)
    steps.set(id, { step, path, group, dependencies: [...dependencies.keys()], entries });
  return {
    plan: { steps, order: order.filter((name) => nodes.has(name)), downstream: downstreamOf(nodes, graph) },
    faults,
  };
}
