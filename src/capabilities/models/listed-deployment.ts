import type { Deployment, ModelList } from './router/index.ts';

/** The first deployment behind a name of the list: of an alias, a group, or the deployment with that id. */
export function listedDeployment(list: ModelList, name: string): Deployment | undefined {
  return list.groups.get(list.aliases.get(name) ?? name)?.[0] ?? list.deployments.get(name);
}
