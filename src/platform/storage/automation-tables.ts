import type { Generated } from 'kysely';
import type { Json, JsonObject, SerializedError } from '../../base/index.ts';
import type { JsonColumn, NullableJsonColumn, NullableTimestamp, Timestamp } from './columns.ts';

/** What was given up, until a person decides about it. */
export interface DeadLettersTable {
  id: string;
  tenant: string;
  kind: 'run' | 'delivery' | 'schedule' | 'sensor' | 'job';
  /** Run, outbox row, `<schedule>@<slot>`, sensor or `<queue>:<job>`. */
  ref_id: string;
  reason: string;
  error: NullableJsonColumn<SerializedError>;
  /** What is sent again on retry: the request of a run, or what a schedule or sensor wanted to start. */
  payload: NullableJsonColumn<JsonObject>;
  /** Retries that were refused at once. */
  attempts: Generated<number>;
  created_at: Timestamp;
  resolved_at: NullableTimestamp;
  /** `retried` or `discarded`. */
  resolution: string | null;
  resolved_by: string | null;
  /** Why it was discarded. */
  note: string | null;
  /** The run that a retry started. */
  new_run_id: string | null;
}

/** How far the slots of a schedule are decided. */
export interface ScheduleStateTable {
  tenant: string;
  name: string;
  /** Hash of what decides the times of the schedule. */
  timing_hash: string;
  /** Slots up to here are decided or belong to nobody: before the schedule was made, or had other times. */
  decided_until: Timestamp;
  paused_at: NullableTimestamp;
  paused_by: string | null;
}

/** What became of each slot; a row may stand for many missed ones. */
export interface ScheduleSlotsTable {
  tenant: string;
  schedule: string;
  slot: Timestamp;
  outcome: 'fired' | 'skipped' | 'queued' | 'failed';
  /** Why it was skipped or failed; `manual` or `catch_up` for a fired one. */
  reason: string | null;
  run_id: string | null;
  /** How many slots the row stands for, beginning with `slot`; `last_slot` is the newest of them. */
  slots: Generated<number>;
  last_slot: NullableTimestamp;
  /** May its run still be under way? Only kept where the overlap of runs matters. */
  open: Generated<boolean>;
  decided_at: Timestamp;
}

/** What a sensor remembers, and what it saw but has not started yet. */
export interface SensorStateTable {
  tenant: string;
  name: string;
  /** Hash of type and config: another one begins anew. */
  config_hash: string;
  /** Raised by each write: what was decided by older reading changes nothing. */
  version: Generated<number>;
  state: NullableJsonColumn<Json>;
  pending: JsonColumn<readonly JsonObject[]>;
  /** Pending events wait until then for more. */
  quiet_until: NullableTimestamp;
  next_look_at: Timestamp;
  lease_by: string | null;
  lease_until: NullableTimestamp;
  last_event_at: NullableTimestamp;
  last_run_id: string | null;
  last_error: string | null;
  paused_at: NullableTimestamp;
  paused_by: string | null;
}

/** Events that somebody published; sensors read them in order of `sequence`. */
export interface EventsTable {
  tenant: string;
  sequence: Generated<number>;
  id: string;
  name: string;
  payload: JsonColumn<Json>;
  principal: string;
  created_at: Timestamp;
}
