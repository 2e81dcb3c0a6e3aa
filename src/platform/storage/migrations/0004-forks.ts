/** Forks: where a run came from, whether it may change anything outside, and whose past it sees. */
export const forks = `
alter table runs add column forked_from text;
alter table runs add column forked_at_step text;
alter table runs add column effects text not null default 'on';
alter table runs add column history_session_id text;
create index runs_by_origin on runs (forked_from) where forked_from is not null;
`;
