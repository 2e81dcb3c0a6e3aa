import type { ColumnType, Generated } from 'kysely';
import type { Json, JsonObject, SerializedError } from '../../base/index.ts';
import type {
  AgentRequest,
  ApprovalCapacity,
  ApprovalKind,
  ApprovalNotice,
  ApprovalStatus,
  ReplyAddress,
  RunEffects,
  RunEvent,
  RunStatus,
  StepKind,
  TargetKind,
  ChatMessage,
} from '../../protocol/index.ts';
import type {
  DeadLettersTable,
  EventsTable,
  ScheduleSlotsTable,
  ScheduleStateTable,
  SensorStateTable,
} from './automation-tables.ts';
import type { JsonColumn, NullableJsonColumn, NullableTimestamp, Timestamp } from './columns.ts';
import type { LedgerBudgetsTable, LedgerReservationsTable, LedgerSubjectsTable } from './ledger-tables.ts';
import type { ModelLimitsRevisionTable, ModelLimitsTable, ModelUsageTable } from './usage-tables.ts';
import type { ModelResponsesTable } from './responses-table.ts';
import type {
  AnswerPreviewsTable,
  ChatMessagesTable,
  PairingCodesTable,
  PairingsTable,
  PairingTriesTable,
} from './conversation-tables.ts';
import type { WorkersTable } from './workers-table.ts';

export type * from './automation-tables.ts';
export type * from './conversation-tables.ts';
export type { JsonColumn } from './columns.ts';
export type * from './ledger-tables.ts';
export type * from './usage-tables.ts';
export type { ModelResponsesTable } from './responses-table.ts';
export type { WorkersTable } from './workers-table.ts';

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
  /** 0 for a root run, 1 for its children, … */
  depth: Generated<number>;
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
  /** While the tree of the run waits for people: what was left until the deadline when the first of them was asked. */
  time_left_ms: number | null;
  cancel_requested_at: NullableTimestamp;
  created_at: Timestamp;
  started_at: NullableTimestamp;
  ended_at: NullableTimestamp;
  format: Generated<number>;
  /** The run whose finished steps this one began with. */
  forked_from: string | null;
  /** The first step that it did itself. */
  forked_at_step: string | null;
  effects: Generated<RunEffects>;
  /** The session whose past a fork sees without being part of it. */
  history_session_id: string | null;
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
  /** Null for a large output, which is in the blob store. */
  output: NullableJsonColumn<Json>;
  /** Key of a large output in the blob store: its JSON text. */
  output_blob: string | null;
  /** Size of the output's JSON text. */
  output_bytes: number | null;
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

/** What a person is asked, and what came of it. */
export interface ApprovalsTable {
  id: string;
  tenant: string;
  run_id: string;
  root_run_id: string;
  step_key: string;
  kind: ApprovalKind;
  title: string;
  message: string;
  subject: NullableJsonColumn<{ readonly action: string; readonly arguments: Json }>;
  /** SHA-256 of the canonical JSON of `subject`, hex. */
  subject_hash: string;
  answer_schema: NullableJsonColumn<JsonObject>;
  approvers: JsonColumn<readonly string[]>;
  escalate_to: JsonColumn<readonly string[]>;
  default_decision: 'approve' | 'reject' | 'fail';
  /** Principal of the run that asks. */
  requested_by: string;
  status: ApprovalStatus;
  answer: NullableJsonColumn<Json>;
  comment: string | null;
  decided_by: string | null;
  decided_as: ApprovalCapacity | null;
  decided_at: NullableTimestamp;
  deadline_at: NullableTimestamp;
  remind_at: NullableTimestamp;
  remind_every_ms: number | null;
  reminders: Generated<number>;
  escalate_at: NullableTimestamp;
  escalated_at: NullableTimestamp;
  /** The chat that the root run came from. */
  reply_to: NullableJsonColumn<ReplyAddress>;
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

/** What goes out: exactly one response per request, written in the transaction that ends the run, and notices before it. */
export interface OutboxTable {
  id: string;
  tenant: string;
  kind: Generated<'response' | 'notice'>;
  request_id: string;
  run_id: string;
  reply_to: NullableJsonColumn<ReplyAddress>;
  /** The `AgentResponse`; `null` for a notice. */
  response: NullableJsonColumn<JsonObject>;
  /** What people are told of an approval; `null` for a response. */
  notice: NullableJsonColumn<ApprovalNotice>;
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
  /** Who is behind it: limits are counted and usage is reported by them. */
  team: string | null;
  user_name: string | null;
  /** Tags of every call of a model with it. */
  tags: ColumnType<readonly string[], string | undefined, string>;
  /** Names and patterns of models that it may call; `null`: all. */
  models: NullableJsonColumn<readonly string[]>;
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

/** Bytes too large for the row that refers to them, where the database is the blob store. */
export interface BlobsTable {
  key: string;
  bytes: Uint8Array;
  stored_at: Timestamp;
}

/** Files of requests and answers; their bytes are in the blob store under `files/<tenant>/<id>`. */
export interface RunFilesTable {
  /** The root run: it shares them with the runs below it. */
  run_id: string;
  id: string;
  tenant: string;
  /** `in`: came with the request. `out`: goes along with the answer. */
  direction: 'in' | 'out';
  name: string;
  mime_type: string;
  size_bytes: number;
  created_at: Timestamp;
}

/** All tables. */
export interface Database {
  inbox: InboxTable;
  runs: RunsTable;
  run_steps: RunStepsTable;
  run_events: RunEventsTable;
  run_waits: RunWaitsTable;
  run_signals: RunSignalsTable;
  approvals: ApprovalsTable;
  sessions: SessionsTable;
  messages: MessagesTable;
  outbox: OutboxTable;
  dead_letters: DeadLettersTable;
  schedule_state: ScheduleStateTable;
  schedule_slots: ScheduleSlotsTable;
  sensor_state: SensorStateTable;
  events: EventsTable;
  definitions: DefinitionsTable;
  definition_snapshots: DefinitionSnapshotsTable;
  api_keys: ApiKeysTable;
  model_usage: ModelUsageTable;
  model_limits: ModelLimitsTable;
  model_limits_revision: ModelLimitsRevisionTable;
  channel_state: ChannelStateTable;
  chat_messages: ChatMessagesTable;
  answer_previews: AnswerPreviewsTable;
  pairing_codes: PairingCodesTable;
  pairings: PairingsTable;
  pairing_tries: PairingTriesTable;
  workers: WorkersTable;
  model_responses: ModelResponsesTable;
  blobs: BlobsTable;
  run_files: RunFilesTable;
  ledger_subjects: LedgerSubjectsTable;
  ledger_budgets: LedgerBudgetsTable;
  ledger_reservations: LedgerReservationsTable;
}
