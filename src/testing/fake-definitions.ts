import { AppError } from '../base/index.ts';
import { checkDefinition, type DefinitionStore, type StoredDefinition } from '../engine/definitions/index.ts';
import type { WorkflowTools } from '../entrypoints/http/index.ts';
import { definitionKinds, type DefinitionOf, type Scope } from '../protocol/index.ts';

const startOf2026 = '2026-01-01T00:00:00.000Z';

/** Definitions of one kind, in memory. */
export class FakeDefinitions<K extends 'Agent' | 'Team' | 'Workflow'> implements DefinitionStore<K> {
  readonly all = new Map<string, StoredDefinition<DefinitionOf<K>>>();
  readonly #kind: K;

  constructor(kind: K) {
    this.#kind = kind;
  }

  list() {
    return Promise.resolve([...this.all.values()]);
  }

  async get(_scope: Scope, name: string) {
    const stored = this.all.get(name);
    if (stored === undefined)
      throw new AppError('not_found', `there is no ${this.#kind.toLowerCase()} "${name}"`);
    return stored;
  }

  async create(_scope: Scope, given: unknown) {
    const definition = this.#parsed(given);
    const { name } = (definition as DefinitionOf<'Agent'>).metadata;
    if (this.all.has(name)) throw new AppError('conflict', `the name "${name}" is taken`);
    return this.#set(definition);
  }

  async update(scope: Scope, name: string, given: unknown) {
    await this.get(scope, name);
    return this.#set(this.#parsed(given));
  }

  async delete(scope: Scope, name: string) {
    await this.get(scope, name);
    this.all.delete(name);
  }

  #set(definition: DefinitionOf<K>): StoredDefinition<DefinitionOf<K>> {
    const { name } = (definition as DefinitionOf<'Agent'>).metadata;
    const stored = {
      definition,
      hash: `hash-${name}`,
      origin: { kind: 'api' as const, version: 1 },
      updatedAt: startOf2026,
    };
    this.all.set(name, stored);
    return stored;
  }

  #parsed(given: unknown): DefinitionOf<K> {
    const parsed = definitionKinds[this.#kind].schema.safeParse(given);
    if (!parsed.success) throw new AppError('invalid_definition', 'spec: is not valid');
    return parsed.data as DefinitionOf<K>;
  }
}

/** Workflows that can do one thing, and are valid unless they say otherwise. */
export const fakeWorkflowTools: WorkflowTools = {
  actions: () => [{ name: 'transform', description: 'Computes.', inputs: { type: 'object' }, output: {} }],
  validate: (_scope, definition) => {
    const { issues } = checkDefinition('Workflow', definition, []);
    return Promise.resolve(issues);
  },
  graph: ({ spec }) => ({
    nodes: spec.steps.map((step) => ({
      id: step.id,
      label: step.name ?? step.id,
      kind: step.action,
      status: 'pending',
      startedAt: null,
      endedAt: null,
      attempts: 0,
      runId: null,
    })),
    edges: spec.steps.flatMap((step) => step.dependsOn.map((from) => ({ from, to: step.id, kind: 'then' }))),
  }),
  mermaid: ({ spec }) => `flowchart TD\n${spec.steps.map((step) => `  ${step.id}\n`).join('')}`,
};
