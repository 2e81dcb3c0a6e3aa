import type { Json, JsonObject, SerializedError } from '../../base/index.ts';
import type { ChatMessage, RunStatus, RunTarget, Scope, StepKind, Usage } from '../../protocol/index.ts';

/** A run as it is shown. Times are ISO 8601. */
export interface RunView {
  readonly id: string;
  readonly target: RunTarget;
  readonly status: RunStatus;
  readonly sessionId: string | null;
  readonly parentRunId: string | null;
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
}

export interface StepView {
  readonly key: string;
  readonly kind: StepKind;
  readonly status: 'started' | 'completed' | 'failed';
  readonly attempts: number;
  readonly output: Json;
  readonly error: SerializedError | null;
  readonly usage: Usage;
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

/** Reads runs and sessions for people. Foreign and missing ids are equally `not_found`; a bad cursor is `invalid_request`. */
export interface RunStore {
  list(
    scope: Scope,
    query: { limit: number; cursor?: string; status?: RunStatus; target?: string; sessionId?: string },
  ): Promise<Page<RunView>>;
  get(scope: Scope, runId: string): Promise<RunView & { readonly input: Json; readonly output: Json }>;
  steps(scope: Scope, runId: string): Promise<readonly StepView[]>;
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
