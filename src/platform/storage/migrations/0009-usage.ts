/** What calls of models used, who may use how much, and what an API key says of those who hold it. */
export const usage = `
create table model_usage (
  tenant text not null,
  at timestamptz not null,
  id text not null,
  principal text not null,
  user_name text,
  team text,
  agent text,
  run_id text,
  request_id text not null,
  tags jsonb not null default '[]',
  model_group text not null,
  deployment text not null,
  provider text not null,
  model text not null,
  operation text not null,
  stream boolean not null,
  status text not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_input_tokens bigint not null,
  cache_write_tokens bigint not null,
  reasoning_tokens bigint not null,
  cost_usd double precision,
  estimated boolean not null,
  duration_ms double precision not null,
  first_token_ms double precision,
  attempts integer not null,
  cache text,
  primary key (tenant, at, id)
);
create index model_usage_by_age on model_usage (at);
create index model_usage_by_run on model_usage (tenant, run_id) where run_id is not null;

create table model_limits (
  tenant text not null,
  subject text not null,
  limits jsonb,
  revision bigint not null,
  updated_by text not null,
  updated_at timestamptz not null,
  primary key (tenant, subject)
);
create index model_limits_by_revision on model_limits (revision);
create table model_limits_revision (
  id integer primary key,
  revision bigint not null
);
insert into model_limits_revision values (1, 0);

alter table api_keys add column team text;
alter table api_keys add column user_name text;
alter table api_keys add column tags jsonb not null default '[]';
alter table api_keys add column models jsonb;
`;
