import { didYouMean } from '../../../../base/index.ts';

/** Who a provider of LiteLLM is here. */
interface Counterpart {
  readonly kind: string;
  readonly baseUrl?: string;
  /** Variable that LiteLLM reads the key from. */
  readonly key?: string;
  /** Variable that LiteLLM reads the address from. */
  readonly address?: string;
  readonly mode?: string;
}

const compatible = (baseUrl: string, key: string): Counterpart => ({
  kind: 'openai-compatible',
  baseUrl,
  key,
});

/** LiteLLM's prefix → our provider. Those with an address speak OpenAI's protocol there. */
const counterparts: ReadonlyMap<string, Counterpart> = new Map<string, Counterpart>([
  ['openai', { kind: 'openai', key: 'OPENAI_API_KEY', address: 'OPENAI_API_BASE' }],
  ['text-completion-openai', { kind: 'openai', key: 'OPENAI_API_KEY', mode: 'completion' }],
  ['azure', { kind: 'azure', key: 'AZURE_API_KEY', address: 'AZURE_API_BASE' }],
  ['azure_text', { kind: 'azure', key: 'AZURE_API_KEY', address: 'AZURE_API_BASE', mode: 'completion' }],
  ['azure_ai', { kind: 'openai-compatible', key: 'AZURE_AI_API_KEY', address: 'AZURE_AI_API_BASE' }],
  ['anthropic', { kind: 'anthropic', key: 'ANTHROPIC_API_KEY' }],
  ['gemini', { kind: 'google', key: 'GEMINI_API_KEY' }],
  ['vertex_ai', { kind: 'google' }],
  ['vertex_ai_beta', { kind: 'google' }],
  ['bedrock', { kind: 'bedrock' }],
  ['bedrock_converse', { kind: 'bedrock' }],
  ['mistral', { kind: 'mistral', key: 'MISTRAL_API_KEY' }],
  ['codestral', { kind: 'mistral', baseUrl: 'https://codestral.mistral.ai/v1', key: 'CODESTRAL_API_KEY' }],
  ['groq', { kind: 'groq', key: 'GROQ_API_KEY' }],
  ['together_ai', { kind: 'together', key: 'TOGETHERAI_API_KEY' }],
  ['openrouter', { kind: 'openrouter', key: 'OPENROUTER_API_KEY' }],
  ['deepseek', { kind: 'deepseek', key: 'DEEPSEEK_API_KEY' }],
  ['xai', { kind: 'xai', key: 'XAI_API_KEY' }],
  ['hosted_vllm', { kind: 'vllm', key: 'HOSTED_VLLM_API_KEY', address: 'HOSTED_VLLM_API_BASE' }],
  ['vllm', { kind: 'vllm' }],
  ['lm_studio', { kind: 'lmstudio', key: 'LM_STUDIO_API_KEY', address: 'LM_STUDIO_API_BASE' }],
  ['ollama', { kind: 'ollama', address: 'OLLAMA_API_BASE' }],
  ['ollama_chat', { kind: 'ollama', address: 'OLLAMA_API_BASE' }],
  ['cohere', { kind: 'cohere', key: 'COHERE_API_KEY' }],
  ['cohere_chat', { kind: 'cohere', key: 'COHERE_API_KEY' }],
  ['jina_ai', { kind: 'jina', key: 'JINA_AI_API_KEY' }],
  ['custom_openai', { kind: 'openai-compatible' }],
  ['openai_like', { kind: 'openai-compatible', key: 'OPENAI_LIKE_API_KEY', address: 'OPENAI_LIKE_API_BASE' }],
  [
    'litellm_proxy',
    { kind: 'openai-compatible', key: 'LITELLM_PROXY_API_KEY', address: 'LITELLM_PROXY_API_BASE' },
  ],
  ['perplexity', compatible('https://api.perplexity.ai', 'PERPLEXITYAI_API_KEY')],
  ['fireworks_ai', compatible('https://api.fireworks.ai/inference/v1', 'FIREWORKS_AI_API_KEY')],
  ['deepinfra', compatible('https://api.deepinfra.com/v1/openai', 'DEEPINFRA_API_KEY')],
  ['cerebras', compatible('https://api.cerebras.ai/v1', 'CEREBRAS_API_KEY')],
  ['nvidia_nim', compatible('https://integrate.api.nvidia.com/v1', 'NVIDIA_NIM_API_KEY')],
  ['sambanova', compatible('https://api.sambanova.ai/v1', 'SAMBANOVA_API_KEY')],
  ['moonshot', compatible('https://api.moonshot.ai/v1', 'MOONSHOT_API_KEY')],
  ['dashscope', compatible('https://dashscope-intl.aliyuncs.com/compatible-mode/v1', 'DASHSCOPE_API_KEY')],
  ['volcengine', compatible('https://ark.cn-beijing.volces.com/api/v3', 'VOLCENGINE_API_KEY')],
  ['novita', compatible('https://api.novita.ai/v3/openai', 'NOVITA_API_KEY')],
  ['hyperbolic', compatible('https://api.hyperbolic.xyz/v1', 'HYPERBOLIC_API_KEY')],
  ['zai', compatible('https://api.z.ai/api/paas/v4', 'ZAI_API_KEY')],
  ['voyage', compatible('https://api.voyageai.com/v1', 'VOYAGE_API_KEY')],
  ['huggingface', compatible('https://router.huggingface.co/v1', 'HF_TOKEN')],
  ['llamafile', { kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:8080/v1' }],
]);

/** Beginnings of model names that LiteLLM knows without a prefix. */
const beginnings: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:gpt-|chatgpt-|o[134](?:$|-)|ft:|text-embedding-|omni-moderation|text-moderation|davinci-|babbage-|codex-|dall-e-|whisper-|tts-)/,
    'openai',
  ],
  [/^claude-/, 'anthropic'],
  [/^gemini-/, 'gemini'],
  [/^(?:command-|command$|embed-(?:english|multilingual)|rerank-)/, 'cohere'],
  [/^(?:anthropic|amazon|meta|cohere|ai21|mistral|deepseek)\.[a-z0-9]/, 'bedrock'],
];

/** Whom a model of a LiteLLM configuration is asked of. */
export interface ChosenProvider {
  readonly provider: string;
  readonly model: string;
  readonly baseUrl: string | undefined;
  /** Variable of the environment that holds the key where none is given. */
  readonly key: string | undefined;
  /** Variable of the environment that holds the address where none is given. */
  readonly address: string | undefined;
  readonly mode: string | undefined;
  readonly region: string | undefined;
}

const region = /^(?:us|eu|ap|sa|ca|me|af|il|us-gov)-[a-z]+-\d$/;

/** `converse/anthropic.claude…`, `us-west-2/anthropic.claude…` → the model, and the region that its name holds. */
function bedrockModel(name: string): { readonly model: string; readonly region: string | undefined } {
  const parts = name.split('/');
  while (parts.length > 1 && /^(?:converse|invoke|converse_like)$/.test(parts[0] ?? '')) parts.shift();
  const first = parts[0] ?? '';
  if (parts.length > 1 && region.test(first)) return { model: parts.slice(1).join('/'), region: first };
  return { model: parts.join('/'), region: undefined };
}

function chosen(
  prefix: string,
  name: string,
  { kind, baseUrl, key, address, mode }: Counterpart,
): ChosenProvider {
  const bedrock = kind === 'bedrock' ? bedrockModel(name) : { model: name, region: undefined };
  return {
    provider: kind,
    baseUrl,
    key,
    address,
    mode: mode ?? (prefix.endsWith('_text') ? 'completion' : undefined),
    ...bedrock,
  };
}

/** Who answers to a model's name as LiteLLM reads it, or why nobody does. */
export function chooseProvider(
  model: string,
  options: {
    /** `custom_llm_provider`. */
    readonly custom?: string | undefined;
    readonly hasAddress: boolean;
    /** Registered providers, such as those of plugins. */
    readonly registered: readonly string[];
  },
): ChosenProvider | { readonly problem: string } {
  const slash = model.indexOf('/');
  const prefix = slash > 0 ? model.slice(0, slash) : undefined;
  const name = slash > 0 ? model.slice(slash + 1) : model;
  const { custom, hasAddress, registered } = options;
  const plain = {
    baseUrl: undefined,
    key: undefined,
    address: undefined,
    mode: undefined,
    region: undefined,
  };
  if (custom !== undefined) {
    const bare = prefix === custom ? name : model;
    const known = counterparts.get(custom);
    if (known !== undefined) return chosen(custom, bare, known);
    if (registered.includes(custom)) return { provider: custom, model: bare, ...plain };
    if (hasAddress) return { provider: 'openai-compatible', model: bare, ...plain };
    return {
      problem: `LiteLLM's provider "${custom}" has no counterpart here${didYouMean(custom, [...counterparts.keys()])}`,
    };
  }
  const known = prefix === undefined ? undefined : counterparts.get(prefix);
  if (prefix !== undefined && known !== undefined) return chosen(prefix, name, known);
  if (prefix !== undefined && registered.includes(prefix)) return { provider: prefix, model: name, ...plain };
  const implied = prefix === undefined ? beginnings.find(([pattern]) => pattern.test(model))?.[1] : undefined;
  const counterpart = implied === undefined ? undefined : counterparts.get(implied);
  if (implied !== undefined && counterpart !== undefined) return chosen(implied, model, counterpart);
  // LiteLLM refuses what it does not know; at an address of its own there is one thing it can be.
  if (hasAddress) return { provider: 'openai-compatible', model, ...plain };
  return {
    problem:
      prefix === undefined
        ? `no provider is known for the model "${model}"; write provider/model`
        : `LiteLLM's provider "${prefix}" has no counterpart here${didYouMean(prefix, [...counterparts.keys()])}`,
  };
}

/** The provider under whose pattern (`openai/*`) LiteLLM also looks for a model without a prefix. */
export function impliedPrefix(model: string): string | undefined {
  return model.includes('/') ? undefined : beginnings.find(([pattern]) => pattern.test(model))?.[1];
}
