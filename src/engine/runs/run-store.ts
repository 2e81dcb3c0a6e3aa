import type { Json, JsonObject, SerializedError } from '../../base/index.ts';
import type {
  ChatMessage,
  RunEffects,
  RunStatus,
  RunTarget,
  Scope,
  StepKind,
  TargetKind,
  Usage,
} from '../../protocol/index.ts';

/** A run as it is shown. Times are ISO 8601. */
export interface RunView {
  readonly id: string;
  readonly target: RunTarget;
  readonly status: RunStatus;
  readonly sessionId: string | null;
  readonly parentRunId: string | null;
  /** Step of the parent that it belongs to. */
  readonly parentStepKey: string | null;
  /** The outermost run above it, or itself. */
  readonly rootRunId: string;
  readonly source: string;
  readonly principal: string;
  readonly attempts: number;
  readonly usage: Usage;
  readonly error: SerializedError | null;
  readonly waitingFor: readonly string[];
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly metadata: JsonObject;
  /** The run whose finished steps it began with. */
  readonly forkedFrom: string | null;
  /** The first step that it did itself; `null` when it kept all. */
  readonly forkedAtStep: string | null;
  readonly effects: RunEffects;
}

/** Stands for a large output: where it is, and how many bytes of JSON text it has. */
export interface BlobMarker {
  readonly $blob: string;
  readonly bytes: number;
}

export interface StepView {
  readonly key: string;
  readonly kind: StepKind;
  readonly status: 'started' | 'completed' | 'failed';
  readonly attempts: number;
  /** A large output that was not asked for is a `BlobMarker`. */
  readonly output: Json;
  readonly error: SerializedError | null;
  readonly usage: Usage;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** A step as far as it is, without what it gave: of the journal, or under way now. */
export interface StepProgress {
  readonly key: string;
  readonly kind: StepKind;
  /** What is shown of it, such as the name of the tool. */
  readonly name: string | null;
  readonly status: StepView['status'];
  readonly attempts: number;
  readonly error: SerializedError | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

export interface SessionView {
  readonly id: string;
  readonly key: string;
  readonly agent: string;
  readonly source: string;
  readonly title: string | null;
  readonly messageCount: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface MessageView {
  readonly id: string;
  readonly sequence: number;
  readonly runId: string;
  readonly message: ChatMessage;
  readonly createdAt: string;
}

/** One page; `next` is the cursor of the following one, `null` at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Which runs a list holds. */
export interface RunQuery {
  readonly limit: number;
  readonly cursor?: string;
  readonly status?: RunStatus;
  readonly targetKind?: TargetKind;
  readonly target?: string;
  readonly sessionId?: string;
  /** Only the children of this run. */
  readonly parentRunId?: string;
  /** Only the descendants of this run, which has to be an outermost one. */
  readonly rootRunId?: string;
}

/** Reads runs and sessions for people. Foreign and missing ids are equally `not_found`; a bad cursor is `invalid_request`. */
export interface RunStore {
  list(scope: Scope, query: RunQuery): Promise<Page<RunView>>;
  get(scope: Scope, runId: string): Promise<RunView & { readonly input: Json; readonly output: Json }>;
  /** The journal, oldest first. `full`: with large outputs in place of their markers. */
  steps(scope: Scope, runId: string, options?: { readonly full?: boolean }): Promise<readonly StepView[]>;
  /** The journal without outputs, and what is under way. */
  progress(scope: Scope, runId: string): Promise<readonly StepProgress[]>;
  /** The definition that the run was started with, as its executor keeps it; `null` before its first execution. */
  definition(scope: Scope, runId: string): Promise<Json>;
  /** The runs right below a run, in the order in which they began. */
  children(scope: Scope, runId: string): Promise<readonly RunView[]>;
  /** A run and all its descendants, parents before their children; at most `limit` of them. */
  tree(
    scope: Scope,
    runId: string,
    options: { limit: number },
  ): Promise<{ readonly runs: readonly RunView[]; readonly truncated: boolean }>;
  listSessions(
    scope: Scope,
    query: { limit: number; cursor?: string; agent?: string },
  ): Promise<Page<SessionView>>;
  getSession(scope: Scope, sessionId: string): Promise<SessionView>;
  messages(
    scope: Scope,
    sessionId: string,
    query: { limit: number; cursor?: string },
  ): Promise<Page<MessageView>>;
  /** Deletes a session with its messages; its runs stay, without it. Error: `conflict` while a run of it is under way. */
  deleteSession(scope: Scope, sessionId: string): Promise<void>;
}
