/** How many tokens an answer may have at most, by the fields of a request. */
export function outputLimit(fields: Readonly<Record<string, unknown>>): number | undefined {
  const limit = fields['max_completion_tokens'] ?? fields['max_output_tokens'] ?? fields['max_tokens'];
  return typeof limit === 'number' && limit > 0 ? limit : undefined;
}
