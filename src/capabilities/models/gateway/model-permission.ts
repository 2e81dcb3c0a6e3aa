import { fitsPattern } from '../../../base/index.ts';
import { resolveTarget, type ModelList } from '../router/index.ts';

/** Does one of the patterns cover the name, or what it is an alias of? `*` stands for any part, such as `openai/*`. */
export function isModelAllowed(name: string, patterns: readonly string[], list: ModelList): boolean {
  const fits = (one: string): boolean => patterns.some((pattern) => fitsPattern(pattern, one));
  return fits(name) || (list.aliases.has(name) && fits(resolveTarget(name, list).name));
}
