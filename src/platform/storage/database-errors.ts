import { AppError } from '../../base/index.ts';

/** PostgreSQL's own errors as both backends report them. */
export interface DatabaseErrorFields {
  readonly message: string;
  readonly code?: string;
  readonly detail?: string;
  readonly constraint?: string;
  readonly table?: string;
  readonly column?: string;
}

/** An error that the embedded database reported, with the fields that node-postgres would give it. */
export class EmbeddedDatabaseError extends Error {
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly constraint: string | undefined;
  readonly table: string | undefined;
  readonly column: string | undefined;

  constructor(fields: DatabaseErrorFields) {
    super(fields.message);
    this.name = 'error';
    this.code = fields.code;
    this.detail = fields.detail;
    this.constraint = fields.constraint;
    this.table = fields.table;
    this.column = fields.column;
  }
}

// Class 08: connection faults. 57P01-57P03: the server stops, crashed or starts. 53300: no connection is free.
const unavailable =
  /^(08...|57P0[1-5]|53300|25P0[34]|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ENOENT)$/;
const lostConnection =
  /connection terminated|timeout exceeded when trying to connect|connection timeout|client has encountered a connection error|client was closed|not queryable|query read timeout|cannot use a pool after/i;
// A deadlock was broken at this transaction's cost, or it could not be put in an order with others: nothing was done.
const outvoted = /^40(?:P01|001)$/;
const noSpace = /no space left|ENOSPC/i;

function codeOf(error: Error): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0]);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** True where the disk was full. */
export function isDiskFull(error: { readonly code?: unknown; readonly message: string }): boolean {
  return error.code === '53100' || error.code === 'ENOSPC' || noSpace.test(error.message);
}

/** Unreachable and full become errors of ours; what PostgreSQL says about a statement stays as it is. */
export function toStorageError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error;
  const code = codeOf(error);
  if (isDiskFull({ code, message: error.message })) {
    return new AppError('storage_full', 'The disk of the database is full; free some space.', {
      cause: error,
    });
  }
  if (outvoted.test(code)) {
    return new AppError('storage_unavailable', 'The database gave way to another transaction; try again.', {
      cause: error,
    });
  }
  if (unavailable.test(code) || lostConnection.test(error.message)) {
    return new AppError('storage_unavailable', 'The database cannot be reached.', { cause: error });
  }
  return error;
}

/** The SQLSTATE of an error of the database, if it is one: `23505` is a broken unique constraint. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof AppError) return undefined;
  const code = codeOf(error);
  return /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
