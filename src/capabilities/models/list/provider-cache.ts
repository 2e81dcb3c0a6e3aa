import type { JsonObject } from '../../../base/index.ts';
import type { LLMProvider } from '../provider.ts';
import { fingerprintOf } from './fingerprint.ts';

/** Builds the provider of a kind from settings whose references are resolved. Errors: `invalid_definition`, `not_found`. */
export type BuildProvider = (kind: string, settings: Readonly<Record<string, unknown>>) => LLMProvider;

const mostKept = 1000;

/** Providers by kind and settings, so that a reload does not build again what is the same. */
export class ProviderCache {
  readonly #build: BuildProvider;
  readonly #kept = new Map<string, LLMProvider>();

  constructor(build: BuildProvider) {
    this.#build = build;
  }

  get(kind: string, settings: JsonObject): LLMProvider {
    const key = fingerprintOf([kind, settings]);
    const provider = this.#kept.get(key) ?? this.#build(kind, settings);
    this.#kept.delete(key);
    this.#kept.set(key, provider);
    if (this.#kept.size > mostKept) this.#kept.delete(this.#kept.keys().next().value ?? '');
    return provider;
  }
}
