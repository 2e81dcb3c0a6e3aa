import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';

/** Names under which services know the longest output. */
const limits: ReadonlySet<string> = new Set([
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'max_new_tokens',
  'max_gen_len',
  'max_tokens_to_sample',
  'maxTokens',
  'maxOutputTokens',
  'maxNewTokens',
  'maxTokenCount',
  'num_predict',
  'n_predict',
]);
/** Names under which they know how many answers to give; only one is read here. */
const counts: ReadonlySet<string> = new Set([
  'n',
  'best_of',
  'candidate_count',
  'candidateCount',
  'num_return_sequences',
]);

function boundField(name: string, value: Json | undefined, most: number, depth: number): Json | undefined {
  if (limits.has(name)) return typeof value === 'number' && value > 0 && value <= most ? value : most;
  if (counts.has(name)) return 1;
  return depth > 0 && isJsonObject(value) ? boundFields(value, most, depth - 1) : value;
}

function boundFields(fields: JsonObject, most: number, depth: number): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, boundField(name, value, most, depth)]),
  );
}

/** Fields for a service in its own words, none of which asks for more output than was reserved (`generationConfig`, `options`). */
export function boundExtra(extra: JsonObject, mostTokens: number): JsonObject {
  return boundFields(extra, mostTokens, 2);
}
