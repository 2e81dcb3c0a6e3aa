import { describe } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { describeApprovals } from './approval-behaviour.ts';
import { describeApprovalTime } from './approval-time.ts';
import { openPglite, openPostgres } from './databases.ts';

describeApprovals('approvals on the embedded database', openPglite);
describeApprovalTime('approvals and time on the embedded database', openPglite);

describe.skipIf(!(await postgresAvailable()))('with PostgreSQL', () => {
  describeApprovals('approvals on PostgreSQL', openPostgres);
  describeApprovalTime('approvals and time on PostgreSQL', openPostgres);
});
