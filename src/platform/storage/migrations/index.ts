import { initial } from './0001-initial.ts';
import { journal } from './0002-journal.ts';
import { approvals } from './0003-approvals.ts';
import { forks } from './0004-forks.ts';
import { automation } from './0005-automation.ts';
import { workers } from './0006-workers.ts';
import { events } from './0007-events.ts';
import { ledger } from './0008-ledger.ts';
import { usage } from './0009-usage.ts';
import { responses } from './0010-responses.ts';
import { conversation } from './0012-conversation.ts';
import { ledgerOneEstimate } from './0013-ledger-one-estimate.ts';
import { files } from './0015-files.ts';
import { previews } from './0016-previews.ts';
import { fewerIndexes } from './0017-fewer-indexes.ts';

/** A numbered step of the database's schema: SQL statements that run once, in one transaction. */
export interface SchemaMigration {
  readonly name: string;
  readonly statements: string;
}

/** All of them, oldest first. Listed by hand, so that they are found in the compiled package too. */
export const migrations: readonly SchemaMigration[] = [
  { name: '0001-initial', statements: initial },
  { name: '0002-journal', statements: journal },
  { name: '0003-approvals', statements: approvals },
  { name: '0004-forks', statements: forks },
  { name: '0005-automation', statements: automation },
  { name: '0006-workers', statements: workers },
  { name: '0007-events', statements: events },
  { name: '0008-ledger', statements: ledger },
  { name: '0009-usage', statements: usage },
  { name: '0010-responses', statements: responses },
  { name: '0012-conversation', statements: conversation },
  { name: '0013-ledger-one-estimate', statements: ledgerOneEstimate },
  { name: '0015-files', statements: files },
  { name: '0016-previews', statements: previews },
  { name: '0017-fewer-indexes', statements: fewerIndexes },
];
