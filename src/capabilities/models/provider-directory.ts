import { AppError, canonicalJson } from '../../base/index.ts';
import { adaptProvider } from './providers/adapt-provider.ts';
import { checkProvider } from './providers/check-provider.ts';
import { buildConfiguredProvider, type ProviderParts } from './providers/configured-provider.ts';
import type { ProviderKind } from './providers/provider-kinds.ts';
import type { PluginProvider } from './providers/simple-provider.ts';
import type { LLMProvider, ModelStatus } from './provider.ts';

type Status = ModelStatus['providers'][number];

/** Definitions come and go with reloads; beyond this the longest unused provider is forgotten. */
const mostBuilt = 200;

/** The providers by name, those that definitions set up for themselves, and how each was last seen. */
export class ProviderDirectory {
  readonly #parts: ProviderParts;
  readonly #byName = new Map<string, LLMProvider>();
  readonly #built = new Map<string, LLMProvider>();
  readonly #seen = new Map<string, { status: 'ok' | 'down'; detail?: string }>();

  constructor(parts: ProviderParts) {
    this.#parts = parts;
  }

  /** Errors: `invalid_definition` for what is no provider, `conflict` for a taken name. */
  register(candidate: PluginProvider): void {
    const provider: unknown = adaptProvider(candidate);
    checkProvider(provider);
    if (this.#byName.has(provider.name))
      throw new AppError('conflict', `A model provider named "${provider.name}" is registered already.`);
    this.#byName.set(provider.name, provider);
  }

  get(name: string): LLMProvider | undefined {
    return this.#byName.get(name);
  }

  get all(): readonly LLMProvider[] {
    return [...this.#byName.values()];
  }

  /** The provider of a definition's own settings; equal settings share one. */
  configured(kind: ProviderKind, settings: Readonly<Record<string, unknown>>): LLMProvider {
    const key = `${kind} ${canonicalJson(settings)}`;
    const provider = this.#built.get(key) ?? buildConfiguredProvider(kind, settings, this.#parts);
    this.#built.delete(key);
    this.#built.set(key, provider);
    if (this.#built.size > mostBuilt) this.#built.delete(this.#built.keys().next().value ?? '');
    return provider;
  }

  /** Remembers how a provider was last seen. */
  note(name: string, status: 'ok' | 'down', detail?: string): void {
    this.#seen.set(name, detail === undefined ? { status } : { status, detail });
  }

  /** Remembers how a call of it ended; only an unreachable provider is down. */
  noteCall(name: string, error: AppError | undefined): void {
    if (error === undefined) this.note(name, 'ok');
    else if (error.code === 'model_unavailable') this.note(name, 'down', error.message);
  }

  statuses(): readonly Status[] {
    return this.all.map(({ name }) => ({
      name,
      ...(this.#seen.get(name) ?? { status: 'unknown' as const }),
    }));
  }
}
