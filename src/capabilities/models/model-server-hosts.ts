import type { Config } from '../../platform/config/index.ts';

/**
 * `host:port` of every model server that the configuration names, and of a local Ollama: what an egress policy must let
 * through although it may stand on a private network.
 */
export function modelServerHosts(
  config: Pick<Config, 'OLLAMA_BASE_URL' | 'OPENAI_BASE_URL' | 'ANTHROPIC_BASE_URL'> &
    Partial<Pick<Config, 'AZURE_OPENAI_ENDPOINT' | 'VLLM_BASE_URL' | 'LMSTUDIO_BASE_URL'>>,
): readonly string[] {
  const addresses = [
    config.OLLAMA_BASE_URL ?? 'http://localhost:11434',
    config.OPENAI_BASE_URL,
    config.ANTHROPIC_BASE_URL,
    config.AZURE_OPENAI_ENDPOINT,
    config.VLLM_BASE_URL,
    config.LMSTUDIO_BASE_URL,
  ];
  return addresses
    .filter((address) => address !== undefined)
    .map((address) => new URL(address))
    .map((url) => `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`);
}
