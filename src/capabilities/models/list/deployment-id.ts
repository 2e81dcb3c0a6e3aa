import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../base/index.ts';
import { referencesIn } from './references.ts';
import type { ListedDeployment } from './model-list-part.ts';

const hashOf = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 10);

/** A credential by the references it is made from: a literal key leaves no trace. */
const keyTrace = (key: string | undefined): string =>
  key === undefined ? '' : referencesIn(key).join(' ') || 'literal';

/** What makes a deployment the same one after a reload: who is called, where and with whose key. */
function identityOf(group: string, { spec }: ListedDeployment): unknown {
  const { provider, model, baseUrl, apiVersion, organization, region, apiKey, config } = spec;
  const traces = Object.entries(config).map(([name, value]) => [name, keyTrace(JSON.stringify(value))]);
  return { group, provider, model, baseUrl, apiVersion, organization, region, key: keyTrace(apiKey), traces };
}

/** All that is written of a deployment, without literal secrets. */
function everythingOf(group: string, listed: ListedDeployment): unknown {
  const { apiKey: _key, headers, config: _config, ...rest } = listed.spec;
  return { ...rest, headers: Object.keys(headers).toSorted(), identity: identityOf(group, listed) };
}

/**
 * Ids of the deployments of a group: the given one, or a hash. It stays when weights, limits, prices or keys change;
 * deployments that differ in nothing else are told apart by these, and twins by their order.
 */
export function deploymentIds(group: string, deployments: readonly ListedDeployment[]): readonly string[] {
  const bases = deployments.map((one) => hashOf(identityOf(group, one)));
  const seen = new Map<string, number>();
  return deployments.map((one, index) => {
    if (one.spec.id !== undefined) return one.spec.id;
    const base = bases[index] ?? '';
    const isAlone = bases.filter((other) => other === base).length === 1;
    const hash = isAlone ? base : hashOf(everythingOf(group, one));
    const kind = one.spec.provider === '*' ? 'any' : one.spec.provider.replaceAll(/[^A-Za-z0-9_.-]/g, '_');
    const id = `${kind}-${hash}`;
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    return count === 1 ? id : `${id}-${count}`;
  });
}
