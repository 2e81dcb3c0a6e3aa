import { AppError } from '../../../base/index.ts';
import type { LLMProvider } from '../provider.ts';

const methods = ['complete', 'stream', 'listModels'] as const;
const capabilities = ['tools', 'structuredOutput', 'images', 'embeddings'] as const;

/** Everything that keeps a value from being an `LLMProvider`; empty when it is one. */
function providerFaults(candidate: unknown): string[] {
  if (candidate === null || typeof candidate !== 'object') return ['it is no object'];
  const provider = candidate as Partial<Record<keyof LLMProvider, unknown>>;
  const faults: string[] = [];
  if (typeof provider.name !== 'string' || !/^[a-z0-9][a-z0-9._-]*$/.test(provider.name))
    faults.push('`name` must be a text of lower-case letters, digits, ".", "_" and "-"');
  for (const method of methods) {
    if (typeof provider[method] !== 'function') faults.push(`the method \`${method}\` is missing`);
  }
  for (const method of ['embed', 'rerank', 'forward'] as const) {
    if (provider[method] !== undefined && typeof provider[method] !== 'function')
      faults.push(`\`${method}\` must be a method`);
  }
  const stated = provider.capabilities as Partial<Record<string, unknown>> | null | undefined;
  if (stated === null || typeof stated !== 'object') faults.push('`capabilities` is missing');
  else {
    for (const capability of capabilities) {
      if (typeof stated[capability] !== 'boolean')
        faults.push(`\`capabilities.${capability}\` must be true or false`);
    }
  }
  return faults;
}

/** Refuses what is no provider, with every fault at once. */
export function checkProvider(candidate: unknown): asserts candidate is LLMProvider {
  const faults = providerFaults(candidate);
  if (faults.length === 0) return;
  const name = (candidate as { name?: unknown } | null | undefined)?.name;
  const title = typeof name === 'string' ? `The model provider "${name}"` : 'A model provider';
  throw new AppError('invalid_definition', `${title} cannot be registered: ${faults.join('; ')}.`);
}
