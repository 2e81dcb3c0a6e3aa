/**
 * What people are asked. The outbox also carries notices about it, so that a request may have several rows there, but
 * still exactly one response.
 */
export const approvals = `
create table approvals (
  id text primary key,
  tenant text not null,
  run_id text not null references runs (id) on delete cascade,
  root_run_id text not null,
  step_key text not null,
  kind text not null,
  title text not null,
  message text not null,
  subject jsonb,
  subject_hash text not null,
  answer_schema jsonb,
  approvers jsonb not null,
  escalate_to jsonb not null,
  default_decision text not null,
  requested_by text not null,
  status text not null,
  answer jsonb,
  comment text,
  decided_by text,
  decided_as text,
  decided_at timestamptz,
  deadline_at timestamptz,
  remind_at timestamptz,
  remind_every_ms bigint,
  reminders integer not null default 0,
  escalate_at timestamptz,
  escalated_at timestamptz,
  reply_to jsonb,
  created_at timestamptz not null
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
create unique index approvals_by_step on approvals (run_id, step_key);
create index approvals_by_time on approvals (tenant, created_at desc, id desc);
create index approvals_by_status on approvals (tenant, status, created_at desc, id desc);
create index approvals_by_code on approvals (tenant, right(id, 6));
create index approvals_pending_by_root on approvals (root_run_id) where status = 'pending';
create index approvals_pending_by_age on approvals (created_at) where status = 'pending';
create index approvals_deadline on approvals (deadline_at) where status = 'pending' and deadline_at is not null;
create index approvals_reminder on approvals (remind_at) where status = 'pending' and remind_at is not null;
create index approvals_escalation on approvals (escalate_at) where status = 'pending' and escalate_at is not null;

alter table runs add column time_left_ms bigint;

alter table outbox add column kind text not null default 'response';
alter table outbox add column notice jsonb;
alter table outbox alter column response drop not null;
drop index outbox_by_request;
create unique index outbox_by_request on outbox (request_id) where kind = 'response';
create index outbox_notices_by_request on outbox (request_id) where kind <> 'response';
`;
