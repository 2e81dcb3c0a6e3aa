/** Answer of one statement; of the last one where several were sent. */
export interface SqlResult {
  readonly command: string;
  readonly rowCount: number;
  readonly rows: Record<string, unknown>[];
}

/**
 * One session of the database between acquire and release. Statements without parameters may be several, separated by
 * semicolons. After `release` each call fails.
 */
export interface SqlSession {
  query(text: string, parameters: readonly unknown[]): Promise<SqlResult>;
  begin(statement: string): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  release(): void;
  /** Gives up the statement under way and refuses further ones, except `rollback`. */
  cancel(): void;
}

/** Where sessions come from: a pool, or the one connection of the embedded database. */
export interface SqlSource {
  acquire(): Promise<SqlSession>;
}
