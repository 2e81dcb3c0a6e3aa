import { AppError, resolveReferences, type Clock, type Environment, type Json } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import { createAnthropicProvider } from './anthropic-provider.ts';
import { createOllamaProvider } from './ollama-provider.ts';
import { createOpenAICompatibleProvider } from './openai-compatible-provider.ts';
import type { LLMProvider } from '../provider.ts';

/** What every provider is built with. */
export interface ProviderParts {
  readonly fetch: typeof globalThis.fetch;
  /** Without it nothing is sent on as bytes. */
  readonly request?: EgressClient['request'];
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** What `${NAME}` in a definition's settings stands for. */
  readonly environment: Environment;
  /** Keys and addresses of the environment, used where a definition gives none of its own. */
  readonly defaults: {
    readonly openai: { readonly apiKey?: string | undefined; readonly baseUrl?: string | undefined };
    readonly anthropic: { readonly apiKey?: string | undefined; readonly baseUrl?: string | undefined };
    readonly ollama: { readonly baseUrl: string };
  };
}

type Settings = Readonly<Record<string, unknown>>;

function textSetting(settings: Settings, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = settings[name];
    if (value === undefined || value === null || value === '') continue;
    if (typeof value !== 'string')
      throw new AppError('invalid_definition', `spec.model.config.${name} must be a text.`);
    return value;
  }
  return undefined;
}

function addressSetting(settings: Settings): string | undefined {
  const address = textSetting(settings, 'base_url', 'baseUrl', 'baseURL');
  if (address === undefined) return undefined;
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
    throw new AppError(
      'invalid_definition',
      `spec.model.config.base_url must begin with http:// or https://, but is "${address}".`,
    );
  return address;
}

function headerSettings(settings: Settings): Record<string, string> {
  const { headers } = settings;
  if (headers === undefined || headers === null) return {};
  const entries =
    typeof headers === 'object' && !Array.isArray(headers) ? Object.entries(headers) : undefined;
  if (entries === undefined || entries.some(([, value]) => typeof value !== 'string'))
    throw new AppError('invalid_definition', 'spec.model.config.headers must map names to texts.');
  return Object.fromEntries(entries as [string, string][]);
}

function thinkSetting(value: unknown): boolean | 'low' | 'medium' | 'high' | undefined {
  if (typeof value === 'boolean' || value === 'low' || value === 'medium' || value === 'high') return value;
  if (value === undefined || value === null) return undefined;
  throw new AppError(
    'invalid_definition',
    'spec.model.config.think must be true, false, low, medium or high.',
  );
}

/** Kinds of provider that a definition can set up by itself. */
export const configurableKinds = ['openai', 'anthropic', 'ollama', 'local'] as const;

/** One of the kinds above, or `undefined`. */
export function configurableKind(name: string): (typeof configurableKinds)[number] | undefined {
  return configurableKinds.find((kind) => kind === name);
}

/** Builds the provider that a definition's `spec.model.config` describes. Error: `invalid_definition`. */
export function buildConfiguredProvider(
  kind: (typeof configurableKinds)[number],
  written: Settings,
  parts: ProviderParts,
): LLMProvider {
  const missing = new Set<string>();
  const settings = resolveReferences(written as Json, parts.environment, missing) as Settings;
  if (missing.size > 0)
    throw new AppError(
      'invalid_definition',
      `spec.model.config: the environment variable ${[...missing].join(', ')} is not set.`,
    );
  const { fetch, request, clock, timeoutMs, defaults } = parts;
  const ownAddress = addressSetting(settings);
  const ownKey = textSetting(settings, 'api_key', 'apiKey');
  const forwarding = request === undefined ? {} : { request };
  const shared = { fetch, clock, timeoutMs, headers: headerSettings(settings) };
  // A key of the environment belongs to the address of the environment; it never goes to another one.
  const keyFor = (place: { readonly apiKey?: string | undefined }): { apiKey?: string } => {
    const apiKey = ownKey ?? (ownAddress === undefined ? place.apiKey : undefined);
    return apiKey === undefined ? {} : { apiKey };
  };
  switch (kind) {
    case 'openai': {
      const baseUrl = ownAddress ?? defaults.openai.baseUrl;
      const structured = settings['structured_outputs'] ?? settings['structuredOutputs'];
      return createOpenAICompatibleProvider({
        ...shared,
        ...keyFor(defaults.openai),
        ...forwarding,
        ...(baseUrl === undefined ? {} : { baseUrl }),
        ...(typeof structured === 'boolean' ? { structuredOutputs: structured } : {}),
      });
    }
    case 'anthropic': {
      const { apiKey } = keyFor(defaults.anthropic);
      if (apiKey === undefined)
        throw new AppError(
          'invalid_definition',
          ownAddress === undefined
            ? 'Anthropic needs a key: set ANTHROPIC_API_KEY, or api_key in spec.model.config.'
            : 'Anthropic at an address of its own needs its own api_key in spec.model.config.',
        );
      const baseUrl = ownAddress ?? defaults.anthropic.baseUrl;
      return createAnthropicProvider({
        ...shared,
        ...forwarding,
        apiKey,
        ...(baseUrl === undefined ? {} : { baseUrl }),
      });
    }
    case 'ollama':
    case 'local':
    default: {
      const numCtx = settings['num_ctx'] ?? settings['numCtx'];
      const keepAlive = settings['keep_alive'] ?? settings['keepAlive'];
      const think = thinkSetting(settings['think']);
      return createOllamaProvider({
        ...shared,
        name: kind,
        baseUrl: ownAddress ?? defaults.ollama.baseUrl,
        ...(ownKey === undefined ? {} : { apiKey: ownKey }),
        ...(typeof numCtx === 'number' ? { numCtx } : {}),
        ...(typeof keepAlive === 'string' || typeof keepAlive === 'number' ? { keepAlive } : {}),
        ...(think === undefined ? {} : { think }),
      });
    }
  }
}
