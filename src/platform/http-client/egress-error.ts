import { AppError } from '../../base/index.ts';

const slowCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

const unreadableCode = /^(?:HTTPParserError|HPE_|Z_|ERR_(?:BROTLI|_ERROR_)|UND_ERR_HEADERS_OVERFLOW)/;

const broke = (host: string): string => `the connection to "${host}" broke`;
const closed = (host: string): string => `no connection to "${host}": the client is closed`;
const words: Readonly<Record<string, (host: string) => string>> = {
  UND_ERR_SOCKET: broke,
  ECONNRESET: broke,
  EPIPE: broke,
  UND_ERR_DESTROYED: closed,
  // Whoever aborts by a signal gets that signal's reason; what is left was aborted by `close`.
  ABORT_ERR: closed,
  UND_ERR_ABORTED: closed,
};

/**
 * Finds our own error in a chain of causes, or says in words what failed; the cause keeps its `code`. What the caller's
 * signal was aborted with is passed on as it is.
 */
export function toEgressError(error: unknown, host: string, signal?: AbortSignal | null): unknown {
  if (signal?.aborted === true) return signal.reason;
  let code = '';
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AppError) return cause;
    const named = cause.name === 'HTTPParserError' ? cause.name : undefined;
    code = (cause as NodeJS.ErrnoException).code ?? named ?? code;
    if (code === 'UND_ERR_CONNECT_TIMEOUT')
      return new AppError('timeout', `"${host}" did not accept the connection in time`, { cause: error });
    if (slowCodes.has(code))
      return new AppError('timeout', `"${host}" did not answer in time`, { cause: error });
    if (cause.message === 'unexpected redirect')
      return new AppError('upstream_error', `"${host}" redirects, which is not followed`, { cause: error });
  }
  const message = unreadableCode.test(code)
    ? `"${host}" gave an answer that cannot be read`
    : (words[code]?.(host) ?? `no connection to "${host}"`);
  return new AppError('upstream_error', message, { cause: error });
}
