import { Query, type Connection, type PoolClient, type QueryConfig, type QueryResult } from 'pg';

const beginText = 'begin';
const beginName = 'a33_begin';

/** What `pg` calls to send a query of the extended protocol; its type definitions do not show it. */
type PreparingQuery = Query & { prepare: (connection: Connection) => void };
const PreparingQuery = Query as unknown as new (
  config: QueryConfig,
  callback: (error: Error | undefined, results: unknown) => void,
) => PreparingQuery;

/** Connections on which `begin` has been prepared. */
const prepared = new WeakSet<PoolClient>();

/** Sends `begin` before itself, without a sync between the two: when `begin` fails, the server skips the rest. */
class FirstStatement extends PreparingQuery {
  override prepare = (connection: Connection): void => {
    connection.bind({ statement: beginName }, true);
    connection.execute({}, true);
    super.prepare(connection);
  };
}

/** Begins a transaction and sends its first statement: one way to the server and back where `begin` is known there. */
export async function sendFirst(client: PoolClient, config: QueryConfig): Promise<QueryResult> {
  if (!prepared.has(client)) {
    await client.query({ name: beginName, text: beginText });
    prepared.add(client);
    return client.query(config);
  }
  return new Promise((resolve, reject) => {
    client.query(
      new FirstStatement(config, (error, results) => {
        if (error === undefined || error === null) resolve((results as [QueryResult, QueryResult])[1]);
        else reject(error);
      }),
    );
  });
}
