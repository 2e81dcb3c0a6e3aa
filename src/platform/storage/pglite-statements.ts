import { parse, protocol, type PGlite, type Results } from '@electric-sql/pglite';
import { planOutdated, StatementNames } from './statement-names.ts';

type BackendMessages = Parameters<typeof parse.parseResults>[0];

interface Prepared {
  readonly parameterTypes: readonly number[];
  /** How the rows look, as the database described it. */
  readonly rowDescription: BackendMessages;
}

const textRows = { rowMode: 'array' } as const;

/** Runs statements with parameters; those that come again and again are parsed and planned once. */
export class PgliteStatements {
  readonly #database: PGlite;
  readonly #names = new StatementNames();
  readonly #prepared = new Map<string, Prepared>();

  constructor(database: PGlite) {
    this.#database = database;
  }

  async query(text: string, parameters: readonly unknown[], inTransaction: boolean): Promise<Results> {
    const name = this.#names.nameOf(text);
    if (name === undefined) return this.#database.query(text, [...parameters], textRows);
    try {
      const prepared = this.#prepared.get(name) ?? (await this.#prepare(name, text));
      return await this.#execute(name, prepared, parameters);
    } catch (error) {
      if ((error as { code?: string }).code !== planOutdated) throw error;
      this.#names.forget();
      this.#prepared.clear();
      await this.#send(protocol.serialize.query('deallocate all')).catch(() => {});
      // Within a transaction it has failed already; the next one knows better.
      if (inTransaction) throw error;
      return this.#database.query(text, [...parameters], textRows);
    }
  }

  async #prepare(name: string, text: string): Promise<Prepared> {
    const { serialize } = protocol;
    // A try that failed half-way may have left the name behind.
    const messages = await this.#send(
      serialize.close({ type: 'S', name }),
      serialize.parse({ name, text }),
      serialize.describe({ type: 'S', name }),
      serialize.sync(),
    );
    const prepared = {
      parameterTypes: parse.parseDescribeStatementResults(messages),
      rowDescription: messages.filter((message) => message.name === 'rowDescription'),
    };
    this.#prepared.set(name, prepared);
    return prepared;
  }

  async #execute(name: string, prepared: Prepared, parameters: readonly unknown[]): Promise<Results> {
    const { serialize } = protocol;
    const values = parameters.map((value, index) => {
      if (value === null || value === undefined) return null;
      const toText = this.#database.serializers[prepared.parameterTypes[index] ?? 0];
      return toText === undefined ? `${value as string | number}` : toText(value);
    });
    const messages = await this.#send(
      serialize.bind({ statement: name, values }),
      serialize.execute({}),
      serialize.sync(),
    );
    const [result] = parse.parseResults(
      [...prepared.rowDescription, ...messages],
      this.#database.parsers,
      textRows,
    );
    if (result === undefined) throw new Error('The database answered a statement with nothing.');
    return result;
  }

  async #send(...parts: readonly Uint8Array[]): Promise<BackendMessages> {
    const { messages } = await this.#database.execProtocol(Buffer.concat(parts));
    return messages;
  }
}
