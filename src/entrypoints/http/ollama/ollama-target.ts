import { AppError } from '../../../base/index.ts';
import { admitTarget, type Exchange } from '../model-door/open-answer.ts';
import { findCompletionTarget, type CompletionTarget } from '../openai/agent-models.ts';

const latest = ':latest';

/** The name under which clients of Ollama know a model: there each has a tag. */
export function taggedName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).includes(':') ? name : name + latest;
}

async function ignoringTag<T>(name: string, find: (name: string) => Promise<T>): Promise<T> {
  if (!name.endsWith(latest)) return find(name);
  try {
    return await find(name.slice(0, -latest.length));
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return find(name);
    throw error;
  }
}

/** What a name with or without its tag means, to be looked at only. Error: `not_found`. */
export function findTagged({ deps, request }: Exchange, name: string): Promise<CompletionTarget> {
  return ignoringTag(name, (one) => findCompletionTarget(deps, request.scope, one));
}

/** What a name with or without its tag means. Errors as `admitTarget`. */
export function admitTagged(exchange: Exchange, name: string): Promise<CompletionTarget> {
  return ignoringTag(name, (one) => admitTarget(exchange, one));
}
