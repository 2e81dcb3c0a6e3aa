import type { LLMProvider, WireShape } from '../provider.ts';
import { createForward, type ForwardOptions } from './create-forward.ts';

/** Paths of OpenAI's API below the base address. */
const paths = {
  'openai-chat': 'chat/completions',
  'openai-completions': 'completions',
  'openai-embeddings': 'embeddings',
  'openai-responses': 'responses',
} as const;

/** Shapes that an OpenAI-like upstream has. */
export type OpenAIShape = keyof typeof paths;

const isAzure = (host: string): boolean =>
  host.endsWith('.openai.azure.com') || host.endsWith('.cognitiveservices.azure.com');

/** Upstreams of today's chat models that have no old completions, or only for models that nobody uses any more. */
const withoutCompletions = new Set(['api.openai.com', 'api.groq.com', 'api.mistral.ai']);
/** Upstreams that refuse fields they do not know, `stream_options` among them, and tell the usage unasked. */
const withoutStreamOptions = new Set(['api.mistral.ai']);

/** What an upstream at this address takes, as far as its address tells. */
function shapesAt(host: string): readonly OpenAIShape[] {
  const shapes: OpenAIShape[] = ['openai-chat', 'openai-embeddings'];
  if (!withoutCompletions.has(host) && !isAzure(host)) shapes.push('openai-completions');
  if (host === 'api.openai.com') shapes.push('openai-responses');
  return shapes;
}

/** Sends requests of OpenAI's shapes on to an OpenAI-compatible server; `shapes`: those it takes, where that is known. */
export function createOpenAIForward(
  options: Omit<ForwardOptions, 'urls'> & {
    /** Base address; its query goes along with each call. */
    readonly baseUrl: string;
    readonly shapes?: readonly OpenAIShape[];
  },
): Required<Pick<LLMProvider, 'wireShapes' | 'forward'>> {
  const { origin, pathname, search, hostname } = new URL(options.baseUrl);
  const root = `${origin}${pathname.replace(/\/$/, '')}`;
  const urls: Partial<Record<WireShape, string>> = {};
  for (const shape of options.shapes ?? shapesAt(hostname)) urls[shape] = `${root}/${paths[shape]}${search}`;
  const isOpenAI = hostname === 'api.openai.com' || isAzure(hostname);
  return createForward({
    ...(isOpenAI ? { limitName: 'max_completion_tokens', renamesLimit: true } : {}),
    ...(withoutStreamOptions.has(hostname) ? { usageInStreams: false } : {}),
    ...options,
    urls,
  });
}
