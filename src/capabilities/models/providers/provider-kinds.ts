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

interface Connection {
  readonly keys: readonly string[];
  readonly addresses: readonly string[];
  /** What a person sets so that it is connected. */
  readonly how: string;
}

const own: Readonly<Record<Exclude<ProviderKind, PresetKind>, Connection>> = {
  openai: {
    keys: ['OPENAI_API_KEY'],
    addresses: [],
    how: 'Set OPENAI_API_KEY, or OPENAI_BASE_URL for a compatible server.',
  },
  anthropic: { keys: ['ANTHROPIC_API_KEY'], addresses: [], how: 'Set ANTHROPIC_API_KEY.' },
  azure: {
    keys: ['AZURE_OPENAI_API_KEY', 'AZURE_API_KEY'],
    addresses: ['AZURE_OPENAI_ENDPOINT', 'AZURE_API_BASE'],
    how: 'Set AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT.',
  },
  google: {
    keys: ['GEMINI_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY', 'GOOGLE_API_KEY'],
    addresses: [],
    how: 'Set GEMINI_API_KEY.',
  },
  cohere: { keys: ['COHERE_API_KEY', 'CO_API_KEY'], addresses: [], how: 'Set COHERE_API_KEY.' },
  bedrock: {
    keys: ['AWS_BEARER_TOKEN_BEDROCK', 'AWS_ACCESS_KEY_ID'],
    addresses: [],
    how: 'Set AWS_REGION, and AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  },
  ollama: { keys: [], addresses: [], how: 'Start Ollama, or set OLLAMA_BASE_URL.' },
  local: { keys: [], addresses: [], how: 'Start Ollama, or set OLLAMA_BASE_URL.' },
};

function connectionOf(kind: ProviderKind): Connection {
  const preset = presetOf(kind);
  if (preset === undefined) return own[kind as keyof typeof own];
  const { keyVariables: keys, addressVariable, needsKey = true } = preset;
  const variable = needsKey ? keys[0] : addressVariable;
  return {
    keys,
    addresses: addressVariable === undefined ? [] : [addressVariable],
    how: variable === undefined ? 'Name it in the model list with base_url.' : `Set ${variable}.`,
  };
}

/** Variables that hold the key of a kind, the one to name in messages first. */
export function keyVariablesOf(kind: ProviderKind): readonly string[] {
  return connectionOf(kind).keys;
}

/** Variables that an address of its own may stand in. */
export function addressVariablesOf(kind: ProviderKind): readonly string[] {
  return connectionOf(kind).addresses;
}

/** What a person sets so that a kind is connected. */
export function howToConnect(kind: ProviderKind): string {
  return connectionOf(kind).how;
}

/** The first of these variables that is set to something. */
export function firstSet(environment: Environment, names: readonly string[]): string | undefined {
  return names.map((name) => environment[name]?.trim()).find((value) => value !== undefined && value !== '');
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
