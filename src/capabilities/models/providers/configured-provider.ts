import { AppError, type Clock, type Environment } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import { createAnthropicProvider } from './anthropic-provider.ts';
import type { CallTimes } from './call-limits.ts';
import { createAzureProvider } from './azure-provider.ts';
import { createBedrockProvider } from './bedrock-provider.ts';
import { createCohereProvider } from './cohere-provider.ts';
import { createGoogleProvider } from './google-provider.ts';
import { createOllamaProvider } from './ollama-provider.ts';
import { createOpenAICompatibleProvider } from './openai-compatible-provider.ts';
import { addressVariablesOf, firstSet, keyVariablesOf, type ProviderKind } from './provider-kinds.ts';
import { presetOf } from './provider-presets.ts';
import {
  addressSetting,
  headerSettings,
  resolveSettings,
  textSetting,
  thinkSetting,
  type ProviderSettings,
} from './provider-settings.ts';
import type { LLMProvider } from '../provider.ts';

export { configurableKind } from './provider-kinds.ts';

/** What every provider is built with. */
export interface ProviderParts {
  readonly fetch: typeof globalThis.fetch;
  /** Without it nothing is sent on as bytes. */
  readonly pass?: EgressClient['pass'];
  /** The same for a server that has to accept connections within so many milliseconds; without it all have 10 s. */
  readonly connectingWithin?: (connectMs: number) => Pick<EgressClient, 'fetch' | 'pass'>;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** What `${NAME}` in a definition's settings stands for, and where the keys of the services are. */
  readonly environment: Environment;
  /** Keys and addresses of the environment, used where a definition gives none of its own. */
  readonly defaults: {
    readonly openai: { readonly apiKey?: string | undefined; readonly baseUrl?: string | undefined };
    readonly anthropic: { readonly apiKey?: string | undefined; readonly baseUrl?: string | undefined };
    readonly ollama: { readonly baseUrl: string };
  };
}

interface Place {
  /** From the settings, else from the environment, else the service's own. */
  readonly baseUrl?: string;
  /** A key of the environment belongs to the address of the environment; it never goes to another one. */
  readonly apiKey?: string;
}

function placeOf(kind: ProviderKind, settings: ProviderSettings, parts: ProviderParts): Place {
  const { defaults, environment } = parts;
  const known =
    kind === 'openai' || kind === 'anthropic'
      ? defaults[kind]
      : {
          apiKey: firstSet(environment, keyVariablesOf(kind)),
          baseUrl: firstSet(environment, addressVariablesOf(kind)) ?? presetOf(kind)?.baseUrl,
        };
  const ownAddress = addressSetting(settings);
  const ownKey = textSetting(settings, 'api_key', 'apiKey');
  const baseUrl = ownAddress ?? known.baseUrl;
  const apiKey = ownKey ?? (ownAddress === undefined ? known.apiKey : undefined);
  return {
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

function needed(what: string, value: string | undefined, hint: string): string {
  if (value !== undefined) return value;
  throw new AppError('invalid_definition', `${what}: ${hint}`);
}

function keyHint(what: string, kind: ProviderKind, settings: ProviderSettings): string {
  return addressSetting(settings) === undefined
    ? `set ${keyVariablesOf(kind)[0] ?? 'its key'}, or api_key in spec.model.config.`
    : `${what} at an address of its own needs its own api_key in spec.model.config.`;
}

type Shared = Pick<ProviderParts, 'fetch' | 'pass' | 'clock' | 'timeoutMs'> &
  CallTimes & {
    readonly headers: Record<string, string>;
  };

function buildBedrock(settings: ProviderSettings, shared: Shared, parts: ProviderParts): LLMProvider {
  const { environment } = parts;
  const ownAddress = addressSetting(settings);
  const region = textSetting(settings, 'region', 'aws_region_name', 'aws_region');
  const own = {
    apiKey: textSetting(settings, 'api_key', 'apiKey'),
    accessKeyId: textSetting(settings, 'aws_access_key_id', 'accessKeyId', 'access_key_id'),
    secretAccessKey: textSetting(settings, 'aws_secret_access_key', 'secretAccessKey', 'secret_access_key'),
    sessionToken: textSetting(settings, 'aws_session_token', 'sessionToken', 'session_token'),
  };
  const ownKeys = own.apiKey !== undefined || own.accessKeyId !== undefined;
  const keys =
    ownKeys || ownAddress !== undefined
      ? own
      : {
          apiKey: firstSet(environment, ['AWS_BEARER_TOKEN_BEDROCK']),
          accessKeyId: firstSet(environment, ['AWS_ACCESS_KEY_ID']),
          secretAccessKey: firstSet(environment, ['AWS_SECRET_ACCESS_KEY']),
          sessionToken: firstSet(environment, ['AWS_SESSION_TOKEN']),
        };
  if (keys.apiKey === undefined && (keys.accessKeyId === undefined || keys.secretAccessKey === undefined))
    throw new AppError(
      'invalid_definition',
      'Amazon Bedrock: set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the keys in spec.model.config.',
    );
  const credentials = Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
  return createBedrockProvider({
    ...shared,
    ...credentials,
    region: needed(
      'Amazon Bedrock',
      region ?? firstSet(environment, ['AWS_REGION', 'AWS_REGION_NAME']),
      'set AWS_REGION, or region in spec.model.config.',
    ),
    ...(ownAddress === undefined ? {} : { baseUrl: ownAddress }),
  });
}

function buildAzure(
  settings: ProviderSettings,
  shared: Shared,
  parts: ProviderParts,
  place: Place,
): LLMProvider {
  const apiVersion =
    textSetting(settings, 'api_version', 'apiVersion') ??
    firstSet(parts.environment, ['AZURE_OPENAI_API_VERSION', 'AZURE_API_VERSION']);
  const token = textSetting(settings, 'azure_ad_token', 'token');
  const baseModel = textSetting(settings, 'base_model', 'baseModel');
  if (token === undefined) needed('Azure OpenAI', place.apiKey, keyHint('Azure OpenAI', 'azure', settings));
  const { apiKey } = place;
  return createAzureProvider({
    ...shared,
    baseUrl: needed(
      'Azure OpenAI',
      place.baseUrl,
      'set AZURE_OPENAI_ENDPOINT, or base_url in spec.model.config.',
    ),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(token === undefined ? {} : { token }),
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(baseModel === undefined ? {} : { baseModel }),
  });
}

function buildOllama(
  kind: 'ollama' | 'local',
  settings: ProviderSettings,
  shared: Shared,
  parts: ProviderParts,
): LLMProvider {
  const numCtx = settings['num_ctx'] ?? settings['numCtx'];
  const keepAlive = settings['keep_alive'] ?? settings['keepAlive'];
  const think = thinkSetting(settings['think']);
  const apiKey = textSetting(settings, 'api_key', 'apiKey');
  return createOllamaProvider({
    ...shared,
    name: kind,
    baseUrl: addressSetting(settings) ?? parts.defaults.ollama.baseUrl,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(typeof numCtx === 'number' ? { numCtx } : {}),
    ...(typeof keepAlive === 'string' || typeof keepAlive === 'number' ? { keepAlive } : {}),
    ...(think === undefined ? {} : { think }),
  });
}

/** Builds the provider of settings as a definition writes them, with `${NAME}` in them. Errors: `invalid_definition`. */
export function buildConfiguredProvider(
  kind: ProviderKind,
  written: ProviderSettings,
  parts: ProviderParts,
): LLMProvider {
  return buildResolvedProvider(kind, resolveSettings(written, parts.environment), parts);
}

/**
 * Builds the provider that settings describe, as they stand: `${` in the value of a secret is part of it. Packages are
 * loaded with its first call. Error: `invalid_definition`, naming what is missing.
 */
export function buildResolvedProvider(
  kind: ProviderKind,
  settings: ProviderSettings,
  parts: ProviderParts,
): LLMProvider {
  const { clock } = parts;
  const {
    timeout_ms: timeoutMs = parts.timeoutMs,
    idle_timeout_ms: idleTimeoutMs,
    connect_timeout_ms: connectMs,
  } = settings;
  const { fetch, pass } =
    (typeof connectMs === 'number' ? parts.connectingWithin?.(connectMs) : undefined) ?? parts;
  const shared: Shared = {
    fetch,
    clock,
    timeoutMs: typeof timeoutMs === 'number' ? timeoutMs : parts.timeoutMs,
    ...(typeof idleTimeoutMs === 'number' ? { idleTimeoutMs } : {}),
    headers: headerSettings(settings),
    ...(pass === undefined ? {} : { pass }),
  };
  if (kind === 'bedrock') return buildBedrock(settings, shared, parts);
  if (kind === 'ollama' || kind === 'local') return buildOllama(kind, settings, shared, parts);
  const place = placeOf(kind, settings, parts);
  const structured = settings['structured_outputs'] ?? settings['structuredOutputs'];
  const schemas = typeof structured === 'boolean' ? { structuredOutputs: structured } : {};
  const [keyVariable] = keyVariablesOf(kind);
  const hint = keyVariable === undefined ? {} : { keyHint: `Check ${keyVariable}, or its api_key.` };
  const keyOf = (label: string): string => needed(label, place.apiKey, keyHint(label, kind, settings));
  if (kind === 'openai') return createOpenAICompatibleProvider({ ...shared, ...place, ...schemas });
  if (kind === 'azure') return buildAzure(settings, { ...shared, ...schemas }, parts, place);
  if (kind === 'anthropic')
    return createAnthropicProvider({ ...shared, ...place, apiKey: keyOf('Anthropic') });
  if (kind === 'google') return createGoogleProvider({ ...shared, ...place, apiKey: keyOf('Google') });
  if (kind === 'cohere')
    return createCohereProvider({
      ...shared,
      ...place,
      ...schemas,
      ...hint,
      apiKey: keyOf('Cohere'),
      name: kind,
      label: 'Cohere',
      quirks: { names: false, renames: { max_completion_tokens: 'max_tokens' } },
    });
  const { label = kind, quirks, embeddingBatch, rerank = false, needsKey = true } = presetOf(kind) ?? {};
  if (needsKey) keyOf(label);
  return createOpenAICompatibleProvider({
    ...shared,
    ...place,
    baseUrl: needed(label, place.baseUrl, 'base_url is missing in spec.model.config.'),
    ...schemas,
    ...hint,
    name: kind,
    label,
    rerank,
    ...(quirks === undefined ? {} : { quirks }),
    ...(embeddingBatch === undefined ? {} : { embeddingBatch }),
  });
}
