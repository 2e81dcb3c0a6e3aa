import type { ColumnType, Generated } from 'kysely';
import type { Json, JsonObject, SerializedError } from '../../base/index.ts';
import type {
  AgentRequest,
  ReplyAddress,
  RunEvent,
  RunStatus,
  StepKind,
  TargetKind,
  ChatMessage,
} from '../../protocol/index.ts';

/** A `timestamptz` column: read as Date, written as Date or ISO text. */
type Timestamp = ColumnType<Date, Date | string, Date | string>;
type NullableTimestamp = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
/** A `jsonb` column: read parsed, written as JSON text. */
export type JsonColumn<T> = ColumnType<T, string, string>;
type NullableJsonColumn<T> = ColumnType<T | null, string | null | undefined, string | null>;

/** One accepted request. Its unique (tenant, source, dedupe_key) makes a second delivery the same request. */
export interface InboxTable {
  id: string;
  tenant: string;
  source: string;
  dedupe_key: string | null;
  /** SHA-256 of the canonical request, to tell a repeated request from a reused key. */
  digest: string;
  request: JsonColumn<AgentRequest>;
  run_id: string;
  received_at: Timestamp;
}

export interface RunsTable {
  id: string;
  tenant: string;
  principal: string;
  scopes: JsonColumn<readonly string[]>;
  request_id: string | null;
  parent_run_id: string | null;
  parent_step_key: string | null;
  /** The run that holds the queue job: itself, or the outermost parent. */
  root_run_id: string;
  target_kind: TargetKind;
  target_name: string;
  /** Hash of the definition that the run started with; null until the first claim. */
  definition_hash: string | null;
  session_id: string | null;
  /** Last message of the session when the run first started: what the run sees of the past. */
  history_sequence: number | null;
  status: RunStatus;
  /** Fencing token: raised by each claim; writes of an older epoch change nothing. */
  epoch: Generated<number>;
  attempts: Generated<number>;
  worker_id: string | null;
  job_id: string | null;
  source: string;
  input: JsonColumn<Json>;
  output: NullableJsonColumn<Json>;
  error: NullableJsonColumn<SerializedError>;
  reply_to: NullableJsonColumn<ReplyAddress>;
  metadata: JsonColumn<JsonObject>;
  input_tokens: Generated<number>;
  output_tokens: Generated<number>;
  cost_usd: number | null;
  /** Why a waiting run waits: step keys. */
  waiting_for: NullableJsonColumn<readonly string[]>;
  deadline_at: NullableTimestamp;
  cancel_requested_at: NullableTimestamp;
  created_at: Timestamp;
  started_at: NullableTimestamp;
  ended_at: NullableTimestamp;
  format: Generated<number>;
}

export interface RunStepsTable {
  run_id: string;
  key: string;
  kind: StepKind;
  status: 'started' | 'completed' | 'failed';
  /** SHA-256 of kind and input: a different one on replay is a non-determinism fault. */
  digest: string;
  epoch: number;
  attempts: Generated<number>;
  output: NullableJsonColumn<Json>;
  error: NullableJsonColumn<SerializedError>;
  input_tokens: Generated<number>;
  output_tokens: Generated<number>;
  cost_usd: number | null;
  started_at: Timestamp;
  ended_at: NullableTimestamp;
}

/** Events are stored in batches: one row holds those from `first_sequence` to `last_sequence`. */
export interface RunEventsTable {
  run_id: string;
  first_sequence: number;
  last_sequence: number;
  events: JsonColumn<readonly { readonly at: string; readonly event: RunEvent }[]>;
}

/** What wakes a waiting run. */
export interface RunWaitsTable {
  run_id: string;
  root_run_id: string;
  step_key: string;
  kind: 'timer' | 'signal';
  signal_name: string | null;
  due_at: NullableTimestamp;
  created_at: Timestamp;
}

/** A signal is stored first and matched later: one that comes before its wait is kept. */
export interface RunSignalsTable {
  id: string;
  run_id: string;
  name: string;
  payload: JsonColumn<Json>;
  principal: string;
  consumed_by: string | null;
  created_at: Timestamp;
}

export interface SessionsTable {
  id: string;
  tenant: string;
  key: string;
  agent: string;
  principal: string;
  source: string;
  title: string | null;
  last_sequence: Generated<number>;
  created_at: Timestamp;
  updated_at: Timestamp;
}

export interface MessagesTable {
  session_id: string;
  sequence: number;
  id: string;
  run_id: string;
  role: string;
  message: JsonColumn<ChatMessage>;
  /** Estimated tokens, for trimming without counting again. */
  tokens: number;
  created_at: Timestamp;
}

/** Exactly one response per request, written in the transaction that ends the run. */
export interface OutboxTable {
  id: string;
  tenant: string;
  request_id: string;
  run_id: string;
  reply_to: NullableJsonColumn<ReplyAddress>;
  /** The `AgentResponse`. */
  response: JsonColumn<JsonObject>;
  /** `none`: nobody to deliver to. `unknown`: sent, but the platform's answer was lost. */
  status: 'none' | 'queued' | 'sending' | 'sent' | 'failed' | 'unknown';
  /** Chunks that the platform has accepted. */
  cursor: Generated<number>;
  attempts: Generated<number>;
  platform_ids: JsonColumn<readonly string[]>;
  last_error: string | null;
  created_at: Timestamp;
  sent_at: NullableTimestamp;
}

export interface DeadLettersTable {
  id: string;
  tenant: string;
  kind: 'run' | 'delivery';
  ref_id: string;
  reason: string;
  error: NullableJsonColumn<SerializedError>;
  created_at: Timestamp;
  resolved_at: NullableTimestamp;
  resolution: string | null;
}

/** Definitions created through the API, every version; the newest undeleted one counts. */
export interface DefinitionsTable {
  tenant: string;
  kind: string;
  name: string;
  version: number;
  hash: string;
  definition: JsonColumn<JsonObject>;
  created_by: string;
  created_at: Timestamp;
  deleted_at: NullableTimestamp;
}

/** The definition each run started with, by content. */
export interface DefinitionSnapshotsTable {
  hash: string;
  kind: string;
  name: string;
  definition: JsonColumn<JsonObject>;
  created_at: Timestamp;
}

export interface ApiKeysTable {
  id: string;
  tenant: string;
  name: string;
  /** Public look-up part of the key. */
  lookup: string;
  /** SHA-256 of the whole key, hex. */
  hash: string;
  scopes: JsonColumn<readonly string[]>;
  created_by: string;
  created_at: Timestamp;
  expires_at: NullableTimestamp;
  revoked_at: NullableTimestamp;
  last_used_at: NullableTimestamp;
}

/** Small state of channels: poll offsets. */
export interface ChannelStateTable {
  tenant: string;
  channel: string;
  account_id: string;
  key: string;
  value: JsonColumn<Json>;
  updated_at: Timestamp;
}

/** Processes that execute runs; one whose heartbeat is too old is dead and its runs are taken over. */
export interface WorkersTable {
  id: string;
  host: string;
  pid: number;
  started_at: Timestamp;
  heartbeat_at: Timestamp;
}

/** All tables. */
export interface Database {
  inbox: InboxTable;
  runs: RunsTable;
  run_steps: RunStepsTable;
  run_events: RunEventsTable;
  run_waits: RunWaitsTable;
  run_signals: RunSignalsTable;
  sessions: SessionsTable;
  messages: MessagesTable;
  outbox: OutboxTable;
  dead_letters: DeadLettersTable;
  definitions: DefinitionsTable;
  definition_snapshots: DefinitionSnapshotsTable;
  api_keys: ApiKeysTable;
  channel_state: ChannelStateTable;
  workers: WorkersTable;
}
