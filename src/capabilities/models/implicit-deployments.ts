import { createHash } from 'node:crypto';
import { canonicalJson } from '../../base/index.ts';
import { priceOf, type ModelPrice } from '../accounting/index.ts';
import { configurableKind } from './providers/configured-provider.ts';
import type { LLMProvider, ModelReference, ResolvedModel } from './provider.ts';
import { resolveModel, type ModelRules } from './resolve-model.ts';
import type { Deployment } from './router/index.ts';

const mostKept = 1000;

/** Deployments of models that stand in no list: the same one for the same provider and model. */
export class ImplicitDeployments {
  readonly #rules: ModelRules;
  readonly #prices: () => Readonly<Record<string, ModelPrice>>;
  readonly #known = new Map<string, { readonly provider: LLMProvider; readonly deployment: Deployment }>();

  constructor(rules: ModelRules, prices: () => Readonly<Record<string, ModelPrice>>) {
    this.#rules = rules;
    this.#prices = prices;
  }

  /** The deployment behind a name. Errors: those of `resolveModel`. */
  named(name: string): Deployment {
    const resolved = resolveModel({ name }, this.#rules);
    return this.#of(resolved.id, resolved);
  }

  /** The deployment that a definition describes with a provider and settings of its own. */
  described(reference: ModelReference): Deployment {
    const resolved = resolveModel(reference, this.#rules);
    const { config = {} } = reference;
    const own = configurableKind(reference.provider ?? '') !== undefined && Object.keys(config).length > 0;
    if (!own) return this.#of(resolved.id, resolved);
    const settings = createHash('sha256').update(canonicalJson(config)).digest('hex').slice(0, 8);
    return this.#of(`${resolved.id}#${settings}`, resolved);
  }

  #of(id: string, { provider, model, id: group }: ResolvedModel): Deployment {
    const known = this.#known.get(id);
    if (known?.provider === provider) return known.deployment;
    const prices = this.#prices;
    const deployment: Deployment = {
      id,
      group,
      providerKind: provider.name,
      provider: () => provider,
      model,
      params: {},
      weight: undefined,
      order: undefined,
      limits: {},
      timeouts: {},
      cooldownMs: undefined,
      numRetries: undefined,
      get price() {
        return priceOf(provider.name, model, prices());
      },
      tags: [],
      tagRegex: [],
      region: undefined,
      contextWindow: undefined,
      maxOutputTokens: undefined,
      mode: undefined,
    };
    this.#known.set(id, { provider, deployment });
    if (this.#known.size > mostKept) this.#known.delete(this.#known.keys().next().value ?? '');
    return deployment;
  }
}
