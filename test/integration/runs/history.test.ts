import { describe } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { openPglite, openPostgres } from './databases.ts';
import { describeHistory } from './history-behaviour.ts';

describeHistory('history of runs on the embedded database', openPglite);

describe.skipIf(!(await postgresAvailable()))('with PostgreSQL', () => {
  describeHistory('history of runs on PostgreSQL', openPostgres);
});
