import type { Clock, Logger } from '../../../base/index.ts';
import type { Deployment, ModelList } from './deployment.ts';
import { DeploymentHealth, type HealthTally } from './deployment-health.ts';
import { planGroup, type GroupPlan } from './group-plan.ts';
import { resolveTarget } from './resolve-target.ts';

interface GroupDirectoryDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly list: () => ModelList;
  readonly implicit: (name: string) => Deployment;
}

/** What a name or a described deployment came to. */
export interface Found {
  readonly plan: GroupPlan;
  /** The name was that of one deployment. */
  readonly byId: boolean;
}

/** Prepared groups that are kept, those of patterns included. */
const mostGroups = 2000;
/** So many new deployments outside the list, and those that nobody calls any more are looked for. */
const mostStrangers = 256;

/** The groups of the present model list, prepared for calls, and the health of every deployment by its id. */
export class GroupDirectory {
  readonly tally: HealthTally = { cooling: 0 };
  readonly #deps: GroupDirectoryDeps;
  readonly #health = new Map<string, DeploymentHealth>();
  #list: ModelList | undefined;
  #groups = new Map<string, GroupPlan>();
  #singles = new Map<string, GroupPlan>();
  #strangers = 0;
  #sweepAt = mostStrangers;

  constructor(deps: GroupDirectoryDeps) {
    this.#deps = deps;
  }

  /** Alias, group, id of a deployment, else what the name means outside the list. Errors: as `implicit`. */
  find(target: string | Deployment): Found {
    const list = this.#current();
    if (typeof target !== 'string') {
      const own = list.deployments.get(target.id) === target;
      return { plan: this.#single(target, list, own), byId: false };
    }
    const known = this.#groups.get(list.aliases.get(target) ?? target);
    if (known !== undefined) return { plan: known, byId: false };
    const { by, name, deployments } = resolveTarget(target, list);
    const [one] = deployments;
    if (by === 'deployment' && one !== undefined) return { plan: this.#single(one, list, true), byId: true };
    if (one === undefined) return { plan: this.#single(this.#deps.implicit(name), list, false), byId: false };
    const plan = this.#groups.get(name) ?? this.#plan(name, deployments, list, true);
    // Names that a pattern covers are as many as clients can think of.
    if (by === 'group' || this.#groups.size < mostGroups) this.#groups.set(name, plan);
    return { plan, byId: false };
  }

  /** The name of the group that a name stands for. */
  groupName(name: string): string {
    return resolveTarget(name, this.#current()).name;
  }

  /** Every deployment of the list with its health, and those outside it that were called lately. */
  all(): readonly { readonly deployment: Deployment; readonly health: DeploymentHealth }[] {
    const list = this.#current();
    const listed = [...list.deployments.values()];
    const others = [...this.#singles.values()]
      .flatMap(({ deployments }) => deployments)
      .filter(({ id }) => !list.deployments.has(id) && this.#health.has(id));
    return [...listed, ...others].map((deployment) => ({
      deployment,
      health: this.#healthOf(deployment.id),
    }));
  }

  #current(): ModelList {
    const list = this.#deps.list();
    if (list !== this.#list) {
      this.#list = list;
      this.#groups = new Map();
      this.#singles = new Map();
      this.#forgetIdle(list);
    }
    return list;
  }

  #single(deployment: Deployment, list: ModelList, listed: boolean): GroupPlan {
    const known = this.#singles.get(deployment.id);
    if (known !== undefined && known.deployments[0] === deployment) return known;
    if (!listed && known === undefined) {
      this.#strangers += 1;
      if (this.#strangers > this.#sweepAt) this.#forgetIdle(list);
    }
    const plan = this.#plan(listed ? deployment.id : deployment.group, [deployment], list, listed);
    this.#singles.set(deployment.id, plan);
    return plan;
  }

  #plan(name: string, deployments: readonly Deployment[], list: ModelList, listed: boolean): GroupPlan {
    const { settings } = list;
    const own = settings.groupTags.get(deployments[0]?.group ?? name);
    return planGroup(
      {
        name,
        settings: own === undefined ? settings : { ...settings, ...own },
        listed,
        deployments,
        health: deployments.map(({ id }) => this.#healthOf(id)),
      },
      (pattern, error) =>
        this.#deps.logger.warn(
          { group: name, pattern, error },
          'a tag pattern cannot be read and fits nobody',
        ),
    );
  }

  #healthOf(id: string): DeploymentHealth {
    const known = this.#health.get(id);
    if (known !== undefined) return known;
    const health = new DeploymentHealth(id, this.tally);
    health.lastUsedMs = this.#deps.clock.now();
    this.#health.set(id, health);
    return health;
  }

  /** Drops the state of deployments that are in no list and that nobody calls. */
  #forgetIdle(list: ModelList): void {
    const nowMs = this.#deps.clock.now();
    for (const [id, health] of this.#health) {
      if (list.deployments.has(id) || !health.isIdle(nowMs)) continue;
      health.heal();
      this.#health.delete(id);
      this.#singles.delete(id);
    }
    this.#strangers = [...this.#health.keys()].filter((id) => !list.deployments.has(id)).length;
    this.#sweepAt = this.#strangers + mostStrangers;
  }
}
