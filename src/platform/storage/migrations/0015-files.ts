/** Files of requests and answers, and the fetching of those that came with chat messages. */
export const files = `
create table run_files (
  run_id text not null references runs (id) on delete cascade deferrable initially deferred,
  id text not null,
  tenant text not null,
  direction text not null check (direction in ('in', 'out')),
  name text not null,
  mime_type text not null,
  size_bytes integer not null,
  created_at timestamptz not null,
  primary key (run_id, id)
);
create index run_files_by_id on run_files (id);

alter table chat_messages add column fetch_tries integer not null default 0;
alter table chat_messages add column fetch_at timestamptz;
`;
