import type { Environment } from '../../../base/index.ts';
import { presetOf, providerPresets, type PresetKind } from './provider-presets.ts';

/** Kinds of provider that settings can set up. */
export const configurableKinds = [
  'openai',
  'azure',
  'anthropic',
  'google',
  'bedrock',
  'cohere',
  ...(Object.keys(providerPresets) as PresetKind[]),
  'ollama',
  'local',
] as const;
export type ProviderKind = (typeof configurableKinds)[number];

/** Names that other programs use. */
const aliases: Readonly<Record<string, ProviderKind>> = {
  azure_openai: 'azure',
  cohere_chat: 'cohere',
  custom_openai: 'openai-compatible',
  gemini: 'google',
  hosted_vllm: 'vllm',
  jina_ai: 'jina',
  lm_studio: 'lmstudio',
  'lm-studio': 'lmstudio',
  mistralai: 'mistral',
  ollama_chat: 'ollama',
  openai_compatible: 'openai-compatible',
  openai_like: 'openai-compatible',
  together_ai: 'together',
  togetherai: 'together',
};

/** The kind that a name means, other programs' names included, or `undefined`. */
export function configurableKind(name: string): ProviderKind | undefined {
  return configurableKinds.find((kind) => kind === name) ?? aliases[name];
}

/** Variables that hold the key of a kind, the one to name in messages first. */
export function keyVariablesOf(kind: ProviderKind): readonly string[] {
  switch (kind) {
    case 'openai':
      return ['OPENAI_API_KEY'];
    case 'anthropic':
      return ['ANTHROPIC_API_KEY'];
    case 'azure':
      return ['AZURE_OPENAI_API_KEY', 'AZURE_API_KEY'];
    case 'google':
      return ['GEMINI_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY', 'GOOGLE_API_KEY'];
    case 'cohere':
      return ['COHERE_API_KEY', 'CO_API_KEY'];
    case 'bedrock':
      return ['AWS_BEARER_TOKEN_BEDROCK', 'AWS_ACCESS_KEY_ID'];
    case 'ollama':
    case 'local':
      return [];
    default:
      return presetOf(kind)?.keyVariables ?? [];
  }
}

/** The first of these variables that is set to something. */
export function firstSet(environment: Environment, names: readonly string[]): string | undefined {
  return names.map((name) => environment[name]?.trim()).find((value) => value !== undefined && value !== '');
}

/** Variables that an address of its own may stand in. */
export function addressVariablesOf(kind: ProviderKind): readonly string[] {
  if (kind === 'azure') return ['AZURE_OPENAI_ENDPOINT', 'AZURE_API_BASE'];
  const variable = presetOf(kind)?.addressVariable;
  return variable === undefined ? [] : [variable];
}

const byConfiguration: ReadonlySet<ProviderKind> = new Set(['openai', 'anthropic', 'ollama', 'local']);

/** Kinds that the environment alone connects; `openai`, `anthropic` and `ollama` have settings of their own. */
export function connectedKinds(environment: Environment): readonly ProviderKind[] {
  return configurableKinds.filter((kind) => {
    if (byConfiguration.has(kind)) return false;
    const key = firstSet(environment, keyVariablesOf(kind)) !== undefined;
    const address = firstSet(environment, addressVariablesOf(kind)) !== undefined;
    if (kind === 'azure') return key && address;
    if (kind === 'bedrock')
      return key && firstSet(environment, ['AWS_REGION', 'AWS_REGION_NAME']) !== undefined;
    return presetOf(kind)?.needsKey === false ? address : key;
  });
}

/** What a person sets so that a kind is connected. */
export function howToConnect(kind: ProviderKind): string {
  switch (kind) {
    case 'openai':
      return 'Set OPENAI_API_KEY, or OPENAI_BASE_URL for a compatible server.';
    case 'ollama':
    case 'local':
      return 'Start Ollama, or set OLLAMA_BASE_URL.';
    case 'azure':
      return 'Set AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT.';
    case 'bedrock':
      return 'Set AWS_REGION, and AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.';
    case 'openai-compatible':
      return 'Name it in the model list with base_url.';
    default: {
      const address = presetOf(kind)?.needsKey === false ? addressVariablesOf(kind)[0] : undefined;
      return `Set ${address ?? keyVariablesOf(kind)[0] ?? 'its key'}.`;
    }
  }
}
