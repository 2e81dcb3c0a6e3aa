/** Messages in chats that show an answer while it is written, and that the answer will take the place of. */
export const previews = `
create table answer_previews (
  run_id text primary key references runs (id) on delete cascade,
  tenant text not null,
  channel text not null,
  chat_id text not null,
  user_id text not null,
  message_id text,
  outbox_id text,
  created_at timestamptz not null,
  ended_at timestamptz
);
create index answer_previews_by_message on answer_previews (tenant, channel, chat_id, message_id);
`;
