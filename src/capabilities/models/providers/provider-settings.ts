import { AppError, resolveReferences, type Environment, type Json } from '../../../base/index.ts';

/** Settings of one provider as written in `spec.model.config` or in the model list. */
export type ProviderSettings = Readonly<Record<string, unknown>>;

/** The settings with `${NAME}` replaced. Error: `invalid_definition` for a variable that is not set. */
export function resolveSettings(written: ProviderSettings, environment: Environment): ProviderSettings {
  const missing = new Set<string>();
  const settings = resolveReferences(written as Json, environment, missing) as ProviderSettings;
  if (missing.size > 0)
    throw new AppError(
      'invalid_definition',
      `spec.model.config: the environment variable ${[...missing].join(', ')} is not set.`,
    );
  return settings;
}

/** A text under the first of these names that is written. */
export function textSetting(settings: ProviderSettings, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = settings[name];
    if (value === undefined || value === null || value === '') continue;
    if (typeof value !== 'string')
      throw new AppError('invalid_definition', `spec.model.config.${name} must be a text.`);
    return value;
  }
  return undefined;
}

/** The address that the settings give. */
export function addressSetting(settings: ProviderSettings): string | undefined {
  const address = textSetting(settings, 'base_url', 'baseUrl', 'baseURL', 'api_base', 'endpoint');
  if (address === undefined) return undefined;
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
    throw new AppError(
      'invalid_definition',
      `spec.model.config.base_url must begin with http:// or https://, but is "${address}".`,
    );
  return address;
}

/** The headers that the settings add, OpenAI's organization and project included. */
export function headerSettings(settings: ProviderSettings): Record<string, string> {
  const headers = settings['headers'] ?? settings['extra_headers'];
  const organization = textSetting(settings, 'organization');
  const project = textSetting(settings, 'project');
  const named = {
    ...(organization === undefined ? {} : { 'openai-organization': organization }),
    ...(project === undefined ? {} : { 'openai-project': project }),
  };
  if (headers === undefined || headers === null) return named;
  const entries =
    typeof headers === 'object' && !Array.isArray(headers) ? Object.entries(headers) : undefined;
  if (entries === undefined || entries.some(([, value]) => typeof value !== 'string'))
    throw new AppError('invalid_definition', 'spec.model.config.headers must map names to texts.');
  return { ...named, ...Object.fromEntries(entries as [string, string][]) };
}

/** Ollama's `think`. */
export function thinkSetting(value: unknown): boolean | 'low' | 'medium' | 'high' | undefined {
  if (typeof value === 'boolean' || value === 'low' || value === 'medium' || value === 'high') return value;
  if (value === undefined || value === null) return undefined;
  throw new AppError(
    'invalid_definition',
    'spec.model.config.think must be true, false, low, medium or high.',
  );
}
