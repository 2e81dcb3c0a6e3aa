/** The first tables. Hot ones keep room in their pages (fillfactor), because their rows change in place. */
export const initial = `
create table inbox (
  id text primary key,
  tenant text not null,
  source text not null,
  dedupe_key text,
  digest text not null,
  request jsonb not null,
  run_id text not null,
  received_at timestamptz not null
);
create unique index inbox_dedupe on inbox (tenant, source, dedupe_key) where dedupe_key is not null;
create index inbox_by_time on inbox (tenant, received_at desc);
create index inbox_by_run on inbox (run_id);

create table runs (
  id text primary key,
  tenant text not null,
  principal text not null,
  scopes jsonb not null,
  request_id text,
  parent_run_id text,
  parent_step_key text,
  root_run_id text not null,
  target_kind text not null,
  target_name text not null,
  definition_hash text,
  session_id text,
  history_sequence bigint,
  status text not null,
  epoch integer not null default 0,
  attempts integer not null default 0,
  worker_id text,
  job_id uuid,
  source text not null,
  input jsonb not null,
  output jsonb,
  error jsonb,
  reply_to jsonb,
  metadata jsonb not null,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cost_usd numeric,
  waiting_for jsonb,
  deadline_at timestamptz,
  cancel_requested_at timestamptz,
  created_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  format integer not null default 1
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index runs_by_time on runs (tenant, created_at desc, id desc);
create index runs_by_target on runs (tenant, target_kind, target_name, created_at desc);
create index runs_by_session on runs (session_id, created_at) where session_id is not null;
create index runs_by_root on runs (root_run_id) where root_run_id <> id;
create index runs_by_request on runs (request_id) where request_id is not null;
create unique index runs_by_parent on runs (parent_run_id, parent_step_key) where parent_run_id is not null;
create index runs_queued on runs (created_at) where status = 'queued';
create index runs_running on runs (worker_id) where status = 'running';
create index runs_waiting on runs (created_at) where status = 'waiting';
create index runs_deadline on runs (deadline_at) where deadline_at is not null and ended_at is null;

create table run_steps (
  run_id text not null references runs (id) on delete cascade,
  key text not null,
  kind text not null,
  status text not null,
  digest text not null,
  epoch integer not null,
  attempts integer not null default 1,
  output jsonb,
  error jsonb,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cost_usd numeric,
  started_at timestamptz not null,
  ended_at timestamptz,
  primary key (run_id, key)
) with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);

create table run_events (
  run_id text not null references runs (id) on delete cascade,
  first_sequence bigint not null,
  last_sequence bigint not null,
  events jsonb not null,
  primary key (run_id, first_sequence)
);

create table run_waits (
  run_id text not null references runs (id) on delete cascade,
  root_run_id text not null,
  step_key text not null,
  kind text not null,
  signal_name text,
  due_at timestamptz,
  created_at timestamptz not null,
  primary key (run_id, step_key)
);
create index run_waits_due on run_waits (due_at) where due_at is not null;
create index run_waits_by_root on run_waits (root_run_id);

create table run_signals (
  id text primary key,
  run_id text not null references runs (id) on delete cascade,
  name text not null,
  payload jsonb not null,
  principal text not null,
  consumed_by text,
  created_at timestamptz not null
);
create index run_signals_by_run on run_signals (run_id, name, created_at);

create table sessions (
  id text primary key,
  tenant text not null,
  key text not null,
  agent text not null,
  principal text not null,
  source text not null,
  title text,
  last_sequence bigint not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 85);
create unique index sessions_by_key on sessions (tenant, key);
create index sessions_by_time on sessions (tenant, updated_at desc);

create table messages (
  session_id text not null references sessions (id) on delete cascade,
  sequence bigint not null,
  id text not null,
  run_id text not null,
  role text not null,
  message jsonb not null,
  tokens integer not null,
  created_at timestamptz not null,
  primary key (session_id, sequence)
);
create index messages_by_run on messages (run_id);

create table outbox (
  id text primary key,
  tenant text not null,
  request_id text not null,
  run_id text not null,
  reply_to jsonb,
  response jsonb not null,
  status text not null,
  cursor integer not null default 0,
  attempts integer not null default 0,
  platform_ids jsonb not null,
  last_error text,
  created_at timestamptz not null,
  sent_at timestamptz
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
create unique index outbox_by_request on outbox (request_id);
create index outbox_by_run on outbox (run_id);
create index outbox_open on outbox (status, created_at) where status in ('queued', 'sending', 'failed', 'unknown');
create index outbox_by_time on outbox (tenant, created_at desc);

create table dead_letters (
  id text primary key,
  tenant text not null,
  kind text not null,
  ref_id text not null,
  reason text not null,
  error jsonb,
  created_at timestamptz not null,
  resolved_at timestamptz,
  resolution text
);
create index dead_letters_open on dead_letters (tenant, created_at desc) where resolved_at is null;
create index dead_letters_by_reference on dead_letters (kind, ref_id);

create table definitions (
  tenant text not null,
  kind text not null,
  name text not null,
  version integer not null,
  hash text not null,
  definition jsonb not null,
  created_by text not null,
  created_at timestamptz not null,
  deleted_at timestamptz,
  primary key (tenant, kind, name, version)
);

create table definition_snapshots (
  hash text primary key,
  kind text not null,
  name text not null,
  definition jsonb not null,
  created_at timestamptz not null
);

create table api_keys (
  id text primary key,
  tenant text not null,
  name text not null,
  lookup text not null unique,
  hash text not null,
  scopes jsonb not null,
  created_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
create index api_keys_by_tenant on api_keys (tenant, created_at desc);

create table channel_state (
  tenant text not null,
  channel text not null,
  account_id text not null,
  key text not null,
  value jsonb not null,
  updated_at timestamptz not null,
  primary key (tenant, channel, account_id, key)
) with (fillfactor = 70);

create table workers (
  id text primary key,
  host text not null,
  pid integer not null,
  started_at timestamptz not null,
  heartbeat_at timestamptz not null
) with (fillfactor = 50);
`;
