import type {
  DeploymentSpec,
  ModelRouterDefinition,
  ProjectModels,
  RouterSpec,
} from '../../../protocol/index.ts';
import type { Place } from '../../../base/index.ts';
import type { Location } from './location.ts';

/** A deployment as it is written, before anything is looked up. */
export interface ListedDeployment {
  readonly spec: DeploymentSpec;
  readonly at: Location;
  /** Why it cannot be called; it fails with this when it is. */
  readonly problem?: string;
  /** The provider's model that its price is looked up by. */
  readonly baseModel?: string;
  /** Variables that are looked at before those of the environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Only for a pattern whose provider depends on the name asked for: finds provider and model of one name. */
  readonly choose?: (name: string) => { readonly provider: string; readonly model: string } | undefined;
}

export interface ListedAlias {
  readonly target: string;
  readonly at: Location;
}

/** What one source says about models: `agent33.yaml`, a file of `models/`, or a LiteLLM configuration. */
export interface ModelListPart {
  readonly file: string;
  readonly groups: ReadonlyMap<string, readonly ListedDeployment[]>;
  readonly aliases: ReadonlyMap<string, ListedAlias>;
  readonly router: RouterSpec;
  /** Where a field of the router, or one of the part itself, stands. */
  readonly at: (path: readonly PropertyKey[]) => Location;
  /** Names that lead nowhere are left out and told, instead of being faults. */
  readonly lenient: boolean;
  /** What was written but is not used. */
  readonly notes: readonly string[];
}

/** A definition that speaks of models, with where it stands. */
export interface ModelDefinition {
  readonly file: string;
  readonly spec: Pick<ProjectModels, 'groups' | 'aliases' | 'router'> | ModelRouterDefinition['spec'];
  /** Path of `spec` in the file: `['spec', 'models']` in `agent33.yaml`, `['spec']` elsewhere. */
  readonly path: readonly string[];
  readonly locate?: ((path: readonly PropertyKey[]) => Place) | undefined;
}

/** The part that a definition holds. */
export function partOfDefinition(definition: ModelDefinition): ModelListPart {
  const { file, spec, path, locate = () => ({}) } = definition;
  const at = (inner: readonly PropertyKey[]): Location => ({ file, ...locate([...path, ...inner]) });
  return {
    file,
    groups: new Map(
      Object.entries(spec.groups).map(([name, deployments]) => [
        name,
        deployments.map((one, index) => ({ spec: one, at: at(['groups', name, index]) })),
      ]),
    ),
    aliases: new Map(
      Object.entries(spec.aliases).map(([name, target]) => [name, { target, at: at(['aliases', name]) }]),
    ),
    router: spec.router,
    at,
    lenient: false,
    notes: [],
  };
}
