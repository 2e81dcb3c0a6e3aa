import type { Json, JsonObject, Logger } from '../../base/index.ts';
import type { Citation, RunEffects, RunFile, Scope, ToolUse } from '../../protocol/index.ts';
import type { GivenFile } from '../files/index.ts';

/** Files of the run in which a tool is called. */
export interface ToolFiles {
  /**
   * Stores a file; put it into the result's `files` and it goes along with the answer. The same call and name, the same
   * file. Error: `payload_too_large`.
   */
  add(file: GivenFile): Promise<RunFile>;
  /** A file that came with the request or was made in this run, by name or id. */
  find(nameOrId: string): Promise<RunFile | undefined>;
  /** The content of a file of `find`. Error: `not_found`. */
  read(file: RunFile): Promise<Uint8Array>;
}

/** What a call of a tool may do and for whom. */
export interface ToolContext {
  readonly scope: Scope;
  readonly runId: string;
  /** Same for every attempt of the same call: pass it on as idempotency key. */
  readonly idempotencyKey: string;
  /** The agent's own settings for this tool, with its allowlists. */
  readonly use: ToolUse;
  /** Collections of the agent: name → folder, relative to the project. */
  readonly knowledge: readonly { readonly name: string; readonly path: string }[];
  /** Folder of the project, absolute. */
  readonly projectDir: string;
  /** Left out where files cannot be kept, such as in recordings. */
  readonly files?: ToolFiles;
  /** `off`: only tools whose effect is `none` may be called. Left out it counts as `on`. */
  readonly effects?: RunEffects;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** Outcome of a call. Failure is an ordinary answer: it goes back to the model. */
export type ToolResult =
  | {
      readonly ok: true;
      readonly content: string;
      readonly data?: Json;
      readonly citations?: readonly Citation[];
      /** Files of `ToolContext.files` that go along with the answer. */
      readonly files?: readonly RunFile[];
    }
  | { readonly ok: false; readonly content: string; readonly code: string };

/** Builds results the way the seed's `ToolResult.ok` and `ToolResult.fail` do. */
export const ToolResult = {
  ok: (
    content: string,
    extra: {
      data?: Json;
      citations?: readonly Citation[];
      files?: readonly RunFile[];
    } = {},
  ): ToolResult => ({
    ok: true,
    content,
    ...extra,
  }),
  fail: (content: string, code = 'tool_failed'): ToolResult => ({ ok: false, content, code }),
};

/**
 * Something an agent can do. `execute` may throw; that counts as a failed call and is shown to the model without internals.
 * It must stop when `context.signal` aborts.
 */
export interface Tool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema (2020-12 or draft-07) of the parameters; an object schema. Validated before `execute`. */
  readonly parameters: JsonObject;
  /** Phrases a person might use for it. */
  readonly examples?: readonly string[];
  /** Longest time of one call. Default 30,000. */
  readonly timeoutMs?: number;
  /** Longest output in characters; more is cut with a note. Default 50,000. */
  readonly maxOutputChars?: number;
  /**
   * What a repeated call would do. `none`: reading only. `keyed`: the target honours `idempotencyKey`.
   * `unkeyed`: a crash in mid-call leaves it in doubt, and the run is told so instead of calling again.
   */
  readonly effect: 'none' | 'keyed' | 'unkeyed';
  /** May run beside other calls of the same answer. Default true. */
  readonly parallel?: boolean;
  execute(parameters: JsonObject, context: ToolContext): Promise<ToolResult>;
}

/** Tools by name. */
export interface ToolRegistry {
  /** Errors: `conflict` when the name is taken, `invalid_definition` when the tool is not of the right form. */
  register(tool: Tool): void;
  /** Imports the packages' exported tools; a package that fails is logged and skipped. Returns how many tools came. */
  discover(packages: readonly string[]): Promise<number>;
  get(name: string): Tool | undefined;
  listAll(): readonly Tool[];
}

/** Decides whether a call may happen, makes it within its limits, and logs it. The only way to a tool. */
export interface ToolGovernance {
  /** `undefined`: allowed. Else why not, in words for the model and the log. */
  check(tool: Tool, parameters: JsonObject, context: ToolContext): string | undefined;
  /** Checks, validates, executes with time and size limit, logs and counts. Never throws except when `context.signal` aborts. */
  execute(tool: Tool, parameters: JsonObject, context: ToolContext): Promise<ToolResult>;
}
