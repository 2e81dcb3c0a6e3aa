import { foreignFields } from './foreign-fields.ts';
import type { OpenAIQuirks } from './openai-quirks.ts';

/** A service that speaks OpenAI's chat completions, and what is special about it. */
export interface ProviderPreset {
  readonly label: string;
  /** Absent: the settings must say it. */
  readonly baseUrl?: string;
  /** Variables that may hold the key, first one first; the others are spellings of other programs. */
  readonly keyVariables: readonly string[];
  /** Variable that may hold the address. */
  readonly addressVariable?: string;
  /** Is there nothing without a key? Default true. */
  readonly needsKey?: boolean;
  readonly quirks?: OpenAIQuirks;
  /** Most texts in one call for embeddings. Default 2048. */
  readonly embeddingBatch?: number;
  /** Does it have `/rerank` in the form of Cohere and Jina? Default false. */
  readonly rerank?: boolean;
}

/** Fields that only OpenAI's own service knows and strict servers answer with an error. */
const openAIOwn = [
  'store',
  'service_tier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'safety_identifier',
  'verbosity',
  'modalities',
  'audio',
  'prediction',
  'web_search_options',
] as const;

/**
 * The services by kind. Each entry was written from copies of the service's documentation and from what SDK packages do;
 * no service was called, see `docs/providers.md`.
 */
export const providerPresets = {
  groq: {
    label: 'Groq',
    baseUrl: 'https://api.groq.com/openai/v1',
    keyVariables: ['GROQ_API_KEY'],
    quirks: {
      refuses: [
        ...foreignFields,
        ...openAIOwn.filter((name) => name !== 'service_tier'),
        'logprobs',
        'top_logprobs',
        'logit_bias',
      ],
      names: false,
    },
  },
  mistral: {
    label: 'Mistral',
    baseUrl: 'https://api.mistral.ai/v1',
    keyVariables: ['MISTRAL_API_KEY'],
    quirks: {
      refuses: [
        ...foreignFields,
        ...openAIOwn,
        'user',
        'logprobs',
        'top_logprobs',
        'logit_bias',
        'reasoning_effort',
      ],
      renames: { seed: 'random_seed', max_completion_tokens: 'max_tokens' },
      usageOption: false,
      names: false,
      shortCallIds: true,
    },
    embeddingBatch: 512,
  },
  together: {
    label: 'Together',
    baseUrl: 'https://api.together.xyz/v1',
    keyVariables: ['TOGETHER_API_KEY', 'TOGETHERAI_API_KEY', 'TOGETHER_AI_API_KEY'],
    quirks: { renames: { max_completion_tokens: 'max_tokens' } },
    rerank: true,
  },
  openrouter: {
    label: 'OpenRouter',
    baseUrl: 'https://openrouter.ai/api/v1',
    keyVariables: ['OPENROUTER_API_KEY'],
    quirks: {
      cacheMarks: true,
      keeps: ['reasoning_details'],
      thinking: { field: 'reasoning', when: 'tool-rounds' },
    },
  },
  deepseek: {
    label: 'DeepSeek',
    baseUrl: 'https://api.deepseek.com/v1',
    keyVariables: ['DEEPSEEK_API_KEY'],
    quirks: {
      refuses: [...openAIOwn],
      renames: { max_completion_tokens: 'max_tokens' },
      schemas: false,
      strictTools: false,
      thinking: { field: 'reasoning_content', when: 'tool-rounds' },
    },
  },
  xai: {
    label: 'xAI',
    baseUrl: 'https://api.x.ai/v1',
    keyVariables: ['XAI_API_KEY'],
    quirks: { refuses: [...foreignFields, 'logit_bias', 'verbosity', 'prediction', 'modalities', 'audio'] },
  },
  vllm: {
    label: 'vLLM',
    baseUrl: 'http://localhost:8000/v1',
    keyVariables: ['VLLM_API_KEY', 'HOSTED_VLLM_API_KEY'],
    addressVariable: 'VLLM_BASE_URL',
    needsKey: false,
    quirks: { thinking: { field: 'reasoning_content', when: 'tool-rounds' } },
    rerank: true,
  },
  lmstudio: {
    label: 'LM Studio',
    baseUrl: 'http://localhost:1234/v1',
    keyVariables: ['LMSTUDIO_API_KEY', 'LM_STUDIO_API_KEY'],
    addressVariable: 'LMSTUDIO_BASE_URL',
    needsKey: false,
    quirks: { renames: { max_completion_tokens: 'max_tokens' } },
  },
  jina: {
    label: 'Jina',
    baseUrl: 'https://api.jina.ai/v1',
    keyVariables: ['JINA_API_KEY', 'JINA_AI_API_KEY'],
    embeddingBatch: 512,
    rerank: true,
  },
  'openai-compatible': {
    label: 'The OpenAI-compatible server',
    keyVariables: [],
    needsKey: false,
    quirks: { cacheMarks: true, keeps: ['thinking_blocks', 'reasoning_details'] },
    rerank: true,
  },
} as const satisfies Readonly<Record<string, ProviderPreset>>;

/** Kinds that are built from a preset. */
export type PresetKind = keyof typeof providerPresets;

/** The preset of a kind, or `undefined`. */
export function presetOf(kind: string): ProviderPreset | undefined {
  return Object.hasOwn(providerPresets, kind) ? providerPresets[kind as PresetKind] : undefined;
}
