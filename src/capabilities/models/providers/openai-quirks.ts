/** What an OpenAI-compatible server does otherwise than OpenAI. Everything left out is as OpenAI has it. */
export interface OpenAIQuirks {
  /** Fields of requests that it answers with 400 or 422; they are left out. */
  readonly refuses?: readonly string[];
  /** Fields by another name: ours → its own. */
  readonly renames?: Readonly<Record<string, string>>;
  /** Takes a JSON Schema as response format? Default true; else any JSON is asked for. */
  readonly schemas?: boolean;
  /** Takes `stream_options.include_usage`? Default true; those without tell the usage unasked. */
  readonly usageOption?: boolean;
  /** Takes the `name` of a message? Default true. */
  readonly names?: boolean;
  /**
   * Under which field it wants the thinking of earlier messages back. `always`, or only within the tool rounds of the
   * present turn. Default: nowhere, as strict servers refuse it.
   */
  readonly thinking?: { readonly field: string; readonly when: 'always' | 'tool-rounds' };
  /** Takes `cache_control` marks in the parts of messages? Default false. */
  readonly cacheMarks?: boolean;
  /** Fields that only a proxy to other providers understands: `reasoning_details`, `thinking_blocks`. Default none. */
  readonly keeps?: readonly string[];
  /** Takes only tool call ids of nine letters and digits. */
  readonly shortCallIds?: boolean;
  /** Models that take `max_completion_tokens` and no sampling settings. */
  readonly reasoningModels?: RegExp;
  /** Takes `strict` in tools? Default true. */
  readonly strictTools?: boolean;
}
