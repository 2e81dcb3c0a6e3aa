import type { LLMProvider } from '../provider.ts';
import { createForward, type ForwardOptions } from './create-forward.ts';

/** Sends requests of Anthropic's Messages API on; the client's `anthropic-version` and `anthropic-beta` go along. */
export function createAnthropicForward(
  options: Omit<ForwardOptions, 'urls' | 'headers'> & {
    /** Address with its `/v1`. */
    readonly root: string;
    readonly apiKey: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Required<Pick<LLMProvider, 'wireShapes' | 'forward'>> {
  const { forward, wireShapes } = createForward({
    ...options,
    urls: { 'anthropic-messages': `${options.root}/messages` },
    headers: { 'x-api-key': options.apiKey, ...options.headers },
  });
  return {
    wireShapes,
    forward: (request, call) => {
      const { wire } = request;
      const headers = { 'anthropic-version': '2023-06-01', ...wire.headers };
      return forward({ ...request, wire: { ...wire, headers } }, call);
    },
  };
}
