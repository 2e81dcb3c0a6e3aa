import { z } from 'zod';
import type { Json, JsonObject, SerializedError } from '../base/index.ts';
import type { ChatMessage } from './chat.ts';
import { runStatuses, type RunEffects, type RunStatus, type RunTarget, type StepKind } from './run.ts';
import type { PermissionScope } from './scope.ts';

/** The form of cassettes that this version writes; it reads no other. */
export const cassetteFormat = 'agent33/cassette-v1';

export interface RecordedUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** USD; `null` where no price is known. */
  readonly cost_usd: number | null;
}

/** One step as the journal holds it. Times are ISO 8601. */
export interface RecordedStep {
  readonly key: string;
  readonly kind: StepKind;
  /** `started`: under way when the run stopped, so without a result. */
  readonly status: 'started' | 'completed' | 'failed';
  /** SHA-256 of kind and input; `*` in a fork for a step that was copied from its origin. */
  readonly digest: string;
  /** What decided the step, where it could be computed again. */
  readonly input?: Json;
  readonly output: Json;
  readonly error: SerializedError | null;
  readonly usage: RecordedUsage;
  readonly attempts: number;
  readonly started_at: string;
  readonly ended_at: string | null;
}

/** A message of the session from before the run, with its estimated tokens. */
export interface RecordedMessage {
  readonly message: ChatMessage;
  readonly tokens: number;
}

/** Everything that decided what a run did, and what came of it. */
export interface RunRecording {
  readonly run: {
    readonly id: string;
    readonly target: RunTarget;
    readonly definition_hash: string;
    /** The definition that the run started with. */
    readonly definition: Json;
    readonly input: Json;
    /** ISO 8601: the run's idea of "now". */
    readonly created_at: string;
    readonly source: string;
    readonly principal: string;
    /** What the caller was allowed: some tools are refused by it. */
    readonly scopes: readonly PermissionScope[];
    readonly effects: RunEffects;
    readonly session_id: string | null;
    /** The session's messages from before the run, oldest first; `null` when its session was deleted since. */
    readonly history: readonly RecordedMessage[] | null;
    /** 0 for a root run, 1 for its children, … */
    readonly depth: number;
  };
  readonly steps: readonly RecordedStep[];
  /** Child runs by the key of their parent's step. */
  readonly children: Readonly<Record<string, RunRecording>>;
  readonly ending: {
    readonly status: RunStatus;
    readonly output: Json;
    readonly error: SerializedError | null;
    readonly usage: RecordedUsage;
  };
}

/** What a test of a cassette demands of the answer; without it the output has to equal the recorded one. */
export interface CassetteExpectation {
  /** Texts that the answer has to contain. */
  readonly contains?: readonly string[] | undefined;
  /** JSON Schema that the output has to fit. */
  readonly schema?: JsonObject | undefined;
}

/** A recording as a file: exported, without secrets, played by `agent33 test`. */
export interface Cassette extends RunRecording {
  readonly format: typeof cassetteFormat;
  /** Version of Agent33 that exported it. */
  readonly version: string;
  /** Were personal data (e-mail addresses, telephone numbers) taken out beside secrets? */
  readonly redaction: { readonly pii: boolean };
  readonly expect?: CassetteExpectation | undefined;
}

const json = z.custom<Json>((value) => value !== undefined, 'expected JSON');
const usage = z.object({
  input_tokens: z.number(),
  output_tokens: z.number(),
  cost_usd: z.number().nullable(),
});
const storedError = z
  .object({ code: z.string(), message: z.string(), retryable: z.boolean(), details: json.optional() })
  .nullable();
const step = z.object({
  key: z.string().min(1),
  kind: z.string().min(1),
  status: z.enum(['started', 'completed', 'failed']),
  digest: z.string().min(1),
  input: json.optional(),
  output: json,
  error: storedError,
  usage,
  attempts: z.number(),
  started_at: z.string(),
  ended_at: z.string().nullable(),
});
const recording = z.object({
  run: z.object({
    id: z.string(),
    target: z.object({ kind: z.enum(['agent', 'team', 'workflow']), name: z.string() }),
    definition_hash: z.string(),
    definition: json,
    input: json,
    created_at: z.string(),
    source: z.string(),
    principal: z.string(),
    scopes: z.array(z.string()),
    effects: z.enum(['on', 'off']),
    session_id: z.string().nullable(),
    history: z
      .array(z.object({ message: z.looseObject({ role: z.string() }), tokens: z.number() }))
      .nullable(),
    depth: z.number(),
  }),
  steps: z.array(step),
  get children() {
    return z.record(z.string(), recording);
  },
  ending: z.object({ status: z.enum(runStatuses), output: json, error: storedError, usage }),
});

/** Form of a cassette file. Unknown fields are kept out, missing ones are faults. */
export const cassetteSchema = recording.extend({
  format: z.literal(cassetteFormat),
  version: z.string(),
  redaction: z.object({ pii: z.boolean() }),
  expect: z
    .strictObject({
      contains: z.array(z.string()).optional(),
      schema: z.record(z.string(), json).optional(),
    })
    .optional(),
});
