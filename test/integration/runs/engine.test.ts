import { describe } from 'vitest';
import { systemClock } from '../../../src/base/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { openPglite, openPostgres, type TestBase } from './databases.ts';
import { describeEngine, type EngineGround } from './engine-behaviour.ts';

const withBlobs = (open: () => Promise<TestBase>) => async (): Promise<EngineGround> => {
  const base = await open();
  return { ...base, blobs: new TableBlobStore({ storage: base.storage, clock: systemClock }) };
};

describeEngine('engine of runs on the embedded database', withBlobs(openPglite));

describe.skipIf(!(await postgresAvailable()))('with PostgreSQL', () => {
  describeEngine('engine of runs on PostgreSQL', withBlobs(openPostgres));
});
