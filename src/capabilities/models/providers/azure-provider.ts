import {
  createOpenAICompatibleProvider,
  openAIReasoningModels,
  type OpenAICompatibleOptions,
} from './openai-compatible-provider.ts';
import { foreignFields } from './foreign-fields.ts';
import { shownAddress } from './provider-error.ts';
import type { LLMProvider } from '../provider.ts';

/** Where a resource of Azure OpenAI is. */
export interface AzureOptions extends Pick<
  OpenAICompatibleOptions,
  'apiKey' | 'headers' | 'timeoutMs' | 'idleTimeoutMs' | 'fetch' | 'pass' | 'clock' | 'structuredOutputs'
> {
  /**
   * `https://NAME.openai.azure.com`, whose models are its deployments; or an address with `/openai/v1`, or with
   * `/openai/deployments/NAME`, which is used as it stands.
   */
  readonly baseUrl: string;
  /** Default `2024-10-21`; an address with `/openai/v1` needs none. */
  readonly apiVersion?: string;
  /** A token of Microsoft Entra instead of a key. */
  readonly token?: string;
  /** The model behind a deployment whose name does not say it. */
  readonly baseModel?: string;
}

/** Azure OpenAI. */
export function createAzureProvider(options: AzureOptions): LLMProvider {
  const { apiKey, token, apiVersion, baseModel, baseUrl, ...rest } = options;
  const url = new URL(baseUrl);
  const root = shownAddress(baseUrl);
  const complete = /\/openai\/(?:v1|deployments\/[^/]+)$/.test(url.pathname.replace(/\/$/, ''));
  const resource = root.replace(/\/openai$/, '');
  const version = apiVersion ?? url.searchParams.get('api-version') ?? undefined;
  const dated = version ?? (/\/openai\/v1\/?$/.test(url.pathname) ? undefined : '2024-10-21');
  const base = complete ? root : `${resource}/openai`;
  const thinks = baseModel === undefined ? undefined : openAIReasoningModels.test(baseModel);
  return createOpenAICompatibleProvider({
    ...rest,
    name: 'azure',
    label: 'Azure OpenAI',
    baseUrl: dated === undefined ? base : `${base}?api-version=${encodeURIComponent(dated)}`,
    keyHint: 'Check AZURE_OPENAI_API_KEY.',
    keyHeader: token === undefined ? 'api-key' : 'authorization',
    ...(token === undefined ? (apiKey === undefined ? {} : { apiKey }) : { apiKey: token }),
    quirks: {
      refuses: foreignFields,
      reasoningModels: thinks === true ? /^/ : thinks === false ? /^(?!)/ : openAIReasoningModels,
    },
    ...(complete
      ? {}
      : { addressOf: (model) => `${resource}/openai/deployments/${encodeURIComponent(model)}` }),
  });
}
