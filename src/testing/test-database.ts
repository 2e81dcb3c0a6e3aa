import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

const adminUrl = process.env['TEST_DATABASE_URL'] ?? 'postgresql://root@127.0.0.1:5432/postgres';
const connectionTimeoutMillis = 2_000;

/** A PostgreSQL database of its own for one test run. */
export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

async function asAdmin<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: adminUrl, connectionTimeoutMillis });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Is the PostgreSQL for tests there? `TEST_DATABASE_URL` names another than the local one. */
export async function postgresAvailable(): Promise<boolean> {
  try {
    await asAdmin((client) => client.query('select 1'));
    return true;
  } catch {
    return false;
  }
}

/** Creates an empty database; drop it when done. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `agent33_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await asAdmin((client) => client.query(`create database ${name}`));
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => {
      await asAdmin((client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

/** Runs `work` with an empty database and drops it afterwards. */
export async function withTestDatabase<T>(work: (url: string) => Promise<T>): Promise<T> {
  const database = await createTestDatabase();
  try {
    return await work(database.url);
  } finally {
    await database.drop();
  }
}
