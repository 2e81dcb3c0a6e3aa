import { AppError } from '../../../base/index.ts';
import { admitTarget, type Exchange } from '../model-door/open-answer.ts';
import type { CompletionTarget } from '../openai/agent-models.ts';

const latest = ':latest';

/** The name under which clients of Ollama know a model: there each has a tag. */
export function taggedName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).includes(':') ? name : name + latest;
}

/** What a name with or without its tag means. Errors as `admitTarget`. */
export async function admitTagged(exchange: Exchange, name: string): Promise<CompletionTarget> {
  if (!name.endsWith(latest)) return admitTarget(exchange, name);
  try {
    return await admitTarget(exchange, name.slice(0, -latest.length));
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return admitTarget(exchange, name);
    throw error;
  }
}
