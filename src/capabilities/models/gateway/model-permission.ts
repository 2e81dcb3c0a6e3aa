import { fitsPattern } from '../../../base/index.ts';

/** Does one of the patterns cover the name? `*` stands for any part, such as `openai/*`. */
export function isModelAllowed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => fitsPattern(pattern, name));
}
