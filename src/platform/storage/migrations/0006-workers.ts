/** What each process does, for those who look after them. */
export const workers = `
alter table workers add column roles jsonb not null default '[]';
alter table workers add column version text;
alter table workers add column concurrency integer;
`;
