/**
 * Who waits for an event is found by the name of its signal, however many runs wait for something else; the newest event
 * by its name.
 */
export const events = `
create index run_waits_by_signal on run_waits (signal_name, run_id) where signal_name is not null;
create index events_by_name on events (tenant, name, created_at);
`;
