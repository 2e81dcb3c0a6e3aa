/** Answers of the Responses API that can be continued. Text, not jsonb: they are only ever read whole. */
export const responses = `
create table model_responses (
  tenant text not null,
  id text not null,
  previous_id text,
  session_id text,
  input text not null,
  response text not null,
  created_at timestamptz not null,
  primary key (tenant, id)
);
create index model_responses_previous on model_responses (tenant, previous_id) where previous_id is not null;
create index model_responses_age on model_responses (created_at);
`;
