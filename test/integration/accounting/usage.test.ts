import { describe } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { openPglite, openPostgres } from '../runs/databases.ts';
import { usageBehaviour } from './usage-behaviour.ts';

usageBehaviour('the embedded database', openPglite);
describe.skipIf(!(await postgresAvailable()))('PostgreSQL (skipped without it)', () => {
  usageBehaviour('PostgreSQL', openPostgres);
});
