/** Messages of chats that wait for their turn, and the pairing of their senders. */
export const conversation = `
create table chat_messages (
  id bigint generated always as identity primary key,
  tenant text not null,
  channel text not null,
  session_key text not null,
  kind text not null check (kind in ('waiting', 'context')),
  source text not null,
  dedupe_key text not null,
  message jsonb not null,
  received_at timestamptz not null
);
create unique index chat_messages_dedupe on chat_messages (tenant, source, dedupe_key);
create index chat_messages_by_session on chat_messages (tenant, session_key, kind, id);
create index chat_messages_waiting on chat_messages (channel, received_at) where kind = 'waiting';

create table pairing_codes (
  id text primary key,
  tenant text not null,
  channel text not null,
  platform text not null,
  account_id text not null,
  user_id text not null,
  user_name text,
  purpose text not null check (purpose in ('request', 'invitation')),
  subject text,
  code_hmac text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index pairing_codes_by_user on pairing_codes (tenant, platform, account_id, user_id);
create index pairing_codes_by_channel on pairing_codes (tenant, channel, created_at);

create table pairings (
  tenant text not null,
  platform text not null,
  account_id text not null,
  user_id text not null,
  user_name text,
  subject text,
  paired_by text not null,
  paired_at timestamptz not null,
  primary key (tenant, platform, account_id, user_id)
);

create table pairing_tries (
  id bigint generated always as identity primary key,
  tenant text not null,
  platform text not null,
  account_id text not null,
  user_id text not null,
  tried_at timestamptz not null
);
create index pairing_tries_by_account on pairing_tries (tenant, platform, account_id, tried_at);
`;
