import { isJsonObject, withDeadline, type Clock } from '../../../base/index.ts';

/** A local server answers in a few milliseconds; a start must not wait for one that does not exist. */
const probeTimeoutMs = 300;

interface ProbeDeps {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

async function getJson(deps: ProbeDeps, url: string): Promise<unknown> {
  const { signal, clear } = withDeadline(deps.clock, probeTimeoutMs);
  try {
    const response = await deps.fetch(url, { signal });
    const body: unknown = await response.json();
    return response.ok ? body : undefined;
  } catch {
    // Whatever keeps it from answering, the answer here is no.
    return undefined;
  } finally {
    clear();
  }
}

/** Does an Ollama answer at this address now? */
export async function answersAsOllama(deps: ProbeDeps, baseUrl: string): Promise<boolean> {
  const body = await getJson(deps, new URL('/api/version', baseUrl).href);
  return isJsonObject(body) && typeof body['version'] === 'string';
}

/** Names of the models that this Ollama has; empty when it has none or does not answer. */
export async function modelsOfOllama(deps: ProbeDeps, baseUrl: string): Promise<readonly string[]> {
  const body = await getJson(deps, new URL('/api/tags', baseUrl).href);
  const models = isJsonObject(body) ? body['models'] : undefined;
  if (!Array.isArray(models)) return [];
  return (models as unknown[]).flatMap((model) =>
    isJsonObject(model) && typeof model['name'] === 'string' ? [model['name']] : [],
  );
}
