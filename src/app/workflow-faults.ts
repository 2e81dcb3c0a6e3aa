import type { Clock } from '../base/index.ts';
import type { DefinitionFault, DefinitionStore } from '../engine/definitions/index.ts';
import type {
  Definition,
  DefinitionKind,
  DefinitionOf,
  Scope,
  WorkflowDefinition,
} from '../protocol/index.ts';
import type { ProjectChecks } from './project-checks.ts';

/** How long a look at what there is counts, so that not every run of a workflow reads all definitions. */
const freshMs = 5000;

/** All that definitions can name among agents, teams and workflows. */
async function everyDefinition(stores: Stores, scope: Scope): Promise<readonly Definition[]> {
  const lists = await Promise.all([
    stores.Agent.list(scope),
    stores.Team.list(scope),
    stores.Workflow.list(scope),
  ]);
  return lists.flat().map((stored): Definition => stored.definition);
}

/** Names in a definition that none of these has, and what else its references come to. */
function referenceFaults(
  checks: ProjectChecks,
  definition: Definition,
  all: readonly Definition[],
): readonly DefinitionFault[] {
  const ofKind = <K extends DefinitionKind>(kind: K): readonly DefinitionOf<K>[] =>
    all.filter((one): one is DefinitionOf<K> => one.kind === kind);
  const names = (kind: DefinitionKind): readonly string[] =>
    ofKind(kind).map((one) => (one as Definition).metadata.name);
  return checks.references.flatMap((check) => check(definition, names, ofKind));
}

type Stores = { readonly [K in 'Agent' | 'Team' | 'Workflow']: Pick<DefinitionStore<K>, 'list'> };

/** What definitions that came over the API name that nothing has: told, not refused, because it may come later. */
export function createDefinitionWarnings({ checks, stores }: { checks: ProjectChecks; stores: Stores }) {
  return async (scope: Scope, definition: Definition) =>
    referenceFaults(checks, definition, await everyDefinition(stores, scope)).map(({ path, message }) => ({
      path: path.join('.'),
      message,
    }));
}

/**
 * What is wrong with a workflow that somebody wants to run: its own faults, else what it names that nothing has as things
 * are now, in the files or among what was made over the API.
 */
export function createWorkflowFaults(deps: {
  readonly checks: ProjectChecks;
  readonly stores: Stores;
  readonly clock: Clock;
}) {
  const { checks, stores, clock } = deps;
  const looks = new Map<string, { readonly at: number; readonly found: Promise<readonly Definition[]> }>();

  const definitionsOf = async (scope: Scope): Promise<readonly Definition[]> => {
    const { tenant } = scope;
    const look = looks.get(tenant);
    if (look !== undefined && clock.now() - look.at < freshMs) return look.found;
    const found = everyDefinition(stores, scope);
    looks.set(tenant, { at: clock.now(), found });
    found.catch(() => looks.delete(tenant));
    return found;
  };

  /** Verdicts on definitions, which are the same objects as long as their files do not change. */
  const verdicts = new WeakMap<
    WorkflowDefinition,
    { readonly all: readonly Definition[]; readonly faults: readonly DefinitionFault[] }
  >();

  const look = async (scope: Scope, definition: WorkflowDefinition): Promise<readonly DefinitionFault[]> => {
    const all = await definitionsOf(scope);
    const known = verdicts.get(definition);
    if (known?.all === all) return known.faults;
    const own = checks.checks.flatMap((check) => check(definition));
    const faults = own.length > 0 ? own : referenceFaults(checks, definition, all);
    verdicts.set(definition, { all, faults });
    return faults;
  };

  return async (scope: Scope, definition: WorkflowDefinition): Promise<readonly DefinitionFault[]> => {
    const faults = await look(scope, definition);
    if (faults.length === 0) return faults;
    // What it names may have come in this moment.
    looks.delete(scope.tenant);
    return look(scope, definition);
  };
}
