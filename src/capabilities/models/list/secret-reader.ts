import type { Environment } from '../../../base/index.ts';

/** Secrets by provider and field; `undefined` where there is none. A rejection means that nobody can say now. */
export interface SecretReader {
  get(
    provider: string,
    field: string,
    user?: string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<string | undefined> | string | undefined;
  /** Hosts (`api.openai.com`, `host:port`) that the provider's secrets may be sent to; `undefined`: any that is written. */
  hosts?(provider: string): readonly string[] | undefined;
}

const variableOf = (...parts: readonly string[]): string =>
  ['SECRET', ...parts].map((part) => part.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')).join('_');

/**
 * Secrets from the environment: `secret:openai:api_key` is `SECRET_OPENAI_API_KEY`, and `SECRET_OPENAI_HOSTS` lists, by
 * commas, the only hosts that secrets of `openai` may be sent to.
 */
export function createEnvironmentSecrets(environment: Environment): SecretReader {
  const read = (name: string): string | undefined => environment[name] || undefined;
  return {
    get: (provider, field) => read(variableOf(provider, field)),
    hosts: (provider) =>
      read(variableOf(provider, 'hosts'))
        ?.split(',')
        .map((host) => host.trim().toLowerCase())
        .filter((host) => host !== ''),
  };
}
