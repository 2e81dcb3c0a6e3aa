import { sql } from 'kysely';
import { AppError, type Json } from '../../../base/index.ts';
import type { BlobStore } from '../../../platform/blobs/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import type {
  PermissionScope,
  RecordedMessage,
  RecordedStep,
  RunRecording,
  Scope,
} from '../../../protocol/index.ts';
import type { RunRow } from '../end-run.ts';
import { messagesBackwards } from '../session-history.ts';
import { readSteps } from './read-steps.ts';

/** More of a session's past than this is not recorded; definitions ask for far less. */
const mostHistoryTokens = 500_000;

/** A run with its children, as rows and as a recording. */
export interface StoredRecording {
  readonly row: RunRow;
  readonly recording: RunRecording;
  /** By key of the parent's step. */
  readonly children: ReadonlyMap<string, StoredRecording>;
}

/** Reads a run, its journal and its children. Error: `not_found`, for runs of other tenants too. */
export async function readRecording(
  { storage, blobs }: { readonly storage: Storage; readonly blobs: BlobStore },
  scope: Scope,
  runId: string,
): Promise<StoredRecording> {
  const { rows } = await sql<RunRow>`
    with recursive tree as (
      select * from runs where id = ${runId} and tenant = ${scope.tenant}
      union all
      select r.* from runs r join tree t on r.parent_run_id = t.id
    ) select * from tree`.execute(storage.db);
  const run = rows.find((row) => row.id === runId);
  if (run === undefined) throw new AppError('not_found', `there is no run "${runId}"`);
  const [steps, definitions] = await Promise.all([
    readSteps(
      { storage, blobs },
      rows.map((row) => row.id),
    ),
    readDefinitions(storage, rows),
  ]);
  const childrenOf = Map.groupBy(rows, (row) => row.parent_run_id);

  async function build(row: RunRow): Promise<StoredRecording> {
    const children = new Map<string, StoredRecording>();
    for (const child of childrenOf.get(row.id) ?? [])
      children.set(child.parent_step_key ?? '', await build(child));
    const history = await readHistoryOf(storage, row);
    return {
      row,
      children,
      recording: toRecording(row, {
        steps: steps.get(row.id) ?? [],
        definition: definitions.get(row.definition_hash ?? ''),
        history,
        children,
      }),
    };
  }
  return build(run);
}

function toRecording(
  row: RunRow,
  parts: {
    readonly steps: readonly RecordedStep[];
    readonly definition: Json | undefined;
    readonly history: readonly RecordedMessage[] | null;
    readonly children: ReadonlyMap<string, StoredRecording>;
  },
): RunRecording {
  if (parts.definition === undefined)
    throw new AppError('internal', `the definition that run ${row.id} started with is missing`);
  return {
    run: {
      id: row.id,
      target: { kind: row.target_kind, name: row.target_name },
      definition_hash: row.definition_hash ?? '',
      definition: parts.definition,
      input: row.input,
      created_at: row.created_at.toISOString(),
      source: row.source,
      principal: row.principal,
      scopes: row.scopes as readonly PermissionScope[],
      effects: row.effects,
      session_id: row.session_id,
      history: parts.history,
      depth: row.depth,
    },
    steps: parts.steps,
    children: Object.fromEntries([...parts.children].map(([key, child]) => [key, child.recording])),
    ending: {
      status: row.status,
      output: row.output ?? null,
      error: row.error,
      usage: { input_tokens: row.input_tokens, output_tokens: row.output_tokens, cost_usd: row.cost_usd },
    },
  };
}

async function readDefinitions(
  storage: Storage,
  rows: readonly RunRow[],
): Promise<ReadonlyMap<string, Json>> {
  const hashes = [...new Set(rows.map((row) => row.definition_hash ?? ''))];
  const found = await storage.db
    .selectFrom('definition_snapshots')
    .select(['hash', 'definition'])
    .where('hash', 'in', hashes)
    .execute();
  return new Map(found.map((row) => [row.hash, row.definition]));
}

async function readHistoryOf(storage: Storage, row: RunRow): Promise<readonly RecordedMessage[] | null> {
  if (!row.history_sequence) return [];
  const sessionId = row.session_id ?? row.history_session_id;
  if (sessionId === null) return null;
  const newest: RecordedMessage[] = [];
  let total = 0;
  for await (const found of messagesBackwards(storage, sessionId, row.history_sequence)) {
    newest.push(found);
    total += found.tokens;
    if (total > mostHistoryTokens) break;
  }
  // The past was not empty, so a session without messages is one that was deleted.
  return newest.length === 0 ? null : newest.toReversed();
}
