/** Schedules, sensors, published events, and what the desk of dead letters needs. */
export const automation = `
create table schedule_state (
  tenant text not null,
  name text not null,
  timing_hash text not null,
  decided_until timestamptz not null,
  paused_at timestamptz,
  paused_by text,
  primary key (tenant, name)
) with (fillfactor = 70);

create table schedule_slots (
  tenant text not null,
  schedule text not null,
  slot timestamptz not null,
  outcome text not null,
  reason text,
  run_id text,
  slots integer not null default 1,
  last_slot timestamptz,
  open boolean not null default false,
  decided_at timestamptz not null,
  primary key (tenant, schedule, slot)
) with (fillfactor = 85);
create index schedule_slots_open on schedule_slots (tenant, schedule, slot) where open;
create index schedule_slots_queued on schedule_slots (tenant, schedule, slot) where outcome = 'queued';
create index schedule_slots_by_age on schedule_slots (decided_at);

create table sensor_state (
  tenant text not null,
  name text not null,
  config_hash text not null,
  version integer not null default 0,
  state jsonb,
  pending jsonb not null,
  quiet_until timestamptz,
  next_look_at timestamptz not null,
  lease_by text,
  lease_until timestamptz,
  last_event_at timestamptz,
  last_run_id text,
  last_error text,
  paused_at timestamptz,
  paused_by text,
  primary key (tenant, name)
) with (fillfactor = 70);

create table events (
  tenant text not null,
  sequence bigint generated always as identity,
  id text not null,
  name text not null,
  payload jsonb not null,
  principal text not null,
  created_at timestamptz not null,
  primary key (tenant, sequence)
);
create unique index events_by_id on events (tenant, id);
create index events_by_age on events (created_at);

alter table dead_letters add column payload jsonb;
alter table dead_letters add column attempts integer not null default 0;
alter table dead_letters add column resolved_by text;
alter table dead_letters add column note text;
alter table dead_letters add column new_run_id text;
drop index dead_letters_open;
create index dead_letters_open on dead_letters (tenant, created_at desc, id desc) where resolved_at is null;
create index dead_letters_by_time on dead_letters (tenant, created_at desc, id desc);
create unique index dead_letters_open_job on dead_letters (ref_id) where kind = 'job' and resolved_at is null;
`;
