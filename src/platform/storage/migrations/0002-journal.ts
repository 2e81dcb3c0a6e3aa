/** Large step outputs outside of their rows, how deep a run is nested, and what the sweeps look for. */
export const journal = `
alter table runs add column depth integer not null default 0;

alter table run_steps add column output_blob text, add column output_bytes integer;
create index runs_by_end on runs (ended_at) where ended_at is not null and parent_run_id is null;

create index run_steps_by_blob on run_steps (output_blob) where output_blob is not null;

create table blobs (
  key text primary key,
  bytes bytea not null,
  stored_at timestamptz not null
);
`;
