/** SQL of the migration 0017-fewer-indexes: whoever looks for the run of a request has its id; every new run paid for the index. */
export const fewerIndexes = `
drop index runs_by_request;
`;
