import { readFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite, type Results } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import type { DatabaseErrorFields } from './database-errors.ts';
import { isRepeatable } from './statement-names.ts';
import { PgliteStatements } from './pglite-statements.ts';
import type { PgliteReply, PgliteRequest, PgliteRows, PgliteWorkerData } from './pglite-messages.ts';

// This file is the entry of a worker thread: it owns the database and answers requests strictly in order. Locks are
// kept by the other side (pglite-client.ts).

const port = parentPort;
if (port === null) throw new Error('pglite-worker.ts runs in a worker thread only.');
const reply = (message: PgliteReply, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);

function toFields(error: unknown): DatabaseErrorFields {
  const from = error as Record<string, unknown>;
  const fields: Record<string, string> = {
    message: error instanceof Error ? error.message : String(error),
  };
  for (const name of ['code', 'detail', 'constraint', 'table', 'column']) {
    if (typeof from[name] === 'string') fields[name] = from[name];
  }
  // Emscripten's file errors carry numbers; 51 is its ENOSPC.
  if (from['errno'] === 51) fields['code'] = '53100';
  return fields as unknown as DatabaseErrorFields;
}

function toRows(result: Results & { command?: string; rowCount?: number }): PgliteRows {
  return {
    command: result.command ?? '',
    rowCount: result.rowCount ?? result.affectedRows ?? 0,
    names: result.fields.map(({ name }) => name),
    types: result.fields.map(({ dataTypeID }) => dataTypeID),
    rows: result.rows as unknown as (string | null)[][],
  };
}

/** PostgreSQL's own defaults are for a hundred sessions and a machine of its own: 128 MB that are taken at the start. */
const settings = ['shared_buffers=32MB', 'wal_buffers=1MB', 'max_connections=8'];

interface Opened {
  readonly pglite: PGlite;
  readonly statements: PgliteStatements;
}

async function open({ dataDir, template }: PgliteWorkerData): Promise<Opened> {
  const loadDataDir =
    template === undefined ? undefined : new Blob([await readFile(template)], { type: 'application/gzip' });
  const database = await PGlite.create({
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(loadDataDir === undefined ? {} : { loadDataDir }),
    extensions: { vector },
    startParams: [...PGlite.defaultStartParams, ...settings.flatMap((setting) => ['-c', setting])],
  });
  // Values stay text on this side: text crosses the thread boundary cheaply, and one reader serves both backends.
  for (const type of Object.keys(database.parsers)) database.parsers[type] = (text) => text as unknown;
  database.onNotification((channel, payload) => reply({ kind: 'notification', channel, payload }));
  return { pglite: database, statements: new PgliteStatements(database) };
}

async function run(database: Opened, request: PgliteRequest & { kind: 'run' }): Promise<PgliteRows[]> {
  const { text, parameters, inTransaction } = request;
  if (parameters.length === 0 && !isRepeatable(text))
    return (await database.pglite.exec(text, { rowMode: 'array' })).map(toRows);
  return [toRows(await database.statements.query(text, parameters, inTransaction))];
}

async function answer(database: Opened, request: PgliteRequest): Promise<void> {
  const { id } = request;
  try {
    if (request.kind === 'run') {
      reply({ kind: 'done', id, results: await run(database, request) });
      return;
    }
    if (request.kind === 'dump') {
      const bytes = new Uint8Array(await (await database.pglite.dumpDataDir('gzip')).arrayBuffer());
      reply({ kind: 'dumped', id, bytes }, [bytes.buffer]);
      return;
    }
    if (request.kind === 'close') await database.pglite.close();
    reply({ kind: 'done', id, results: [] });
  } catch (error) {
    // A statement that failed half-way through its own begin … commit must not leave the session to others like that.
    if (request.kind === 'run' && !request.inTransaction)
      await database.pglite.exec('rollback').catch(() => {});
    reply({ kind: 'failed', id, error: toFields(error) });
  }
}

try {
  const database = await open(workerData as PgliteWorkerData);
  let last = Promise.resolve();
  port.on('message', (request: PgliteRequest) => {
    last = last.then(() => answer(database, request));
  });
  reply({ kind: 'ready' });
} catch (error) {
  reply({ kind: 'broken', error: toFields(error) });
}
