import { AppError, errorTable, isJsonObject, type ErrorCode, type JsonObject } from '../base/index.ts';

/** Exit codes of every command. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  denied: 3,
  notFound: 4,
  conflict: 5,
  timeout: 6,
  unreachable: 7,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const codesByStatus: Readonly<Record<number, ExitCode>> = {
  400: exitCodes.usage,
  401: exitCodes.denied,
  403: exitCodes.denied,
  404: exitCodes.notFound,
  409: exitCodes.conflict,
  412: exitCodes.conflict,
  413: exitCodes.usage,
  422: exitCodes.usage,
  504: exitCodes.timeout,
};

/** Errors that never travel over HTTP. */
const codesByError: Partial<Record<ErrorCode, ExitCode>> = {
  invalid_config: exitCodes.usage,
  folder_locked: exitCodes.conflict,
};

/** A failure as the command line tells it: what happened, what to try next, and the exit code. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  /** One line: the next thing to try. */
  readonly hint: string | undefined;
  /** RFC 9457 form, printed with `--json`. */
  readonly problem: JsonObject;

  constructor(message: string, options: { exitCode: ExitCode; hint?: string; problem?: JsonObject }) {
    super(message);
    this.name = 'CliError';
    this.exitCode = options.exitCode;
    this.hint = options.hint;
    this.problem = {
      type: 'about:blank',
      title: 'The command failed.',
      ...options.problem,
      detail: message,
      ...(options.hint === undefined ? {} : { hint: options.hint }),
    };
  }
}

/** An error for wrong arguments. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError(message, { exitCode: exitCodes.usage, ...(hint === undefined ? {} : { hint }) });
}

function hintFor(code: string | undefined, status: number, runId: unknown): string | undefined {
  if (code === 'model_unavailable') return 'see `agent33 doctor`';
  // The run was refused something, not the caller.
  if (typeof runId === 'string') return `see \`agent33 runs show ${runId}\``;
  if (status === 401) return 'set AGENT33_API_KEY, or run the command in the folder of the project';
  if (status === 403) return 'the key lacks a scope; see `agent33 keys list`';
  return undefined;
}

/** The error for an answer of the server that is no success. */
export function errorOfAnswer(status: number, body: JsonObject): CliError {
  const detail = body['detail'] ?? body['message'] ?? body['title'];
  const code = typeof body['code'] === 'string' ? body['code'] : undefined;
  const issues = Array.isArray(body['issues']) ? (body['issues'] as readonly JsonObject[]) : [];
  const lines = issues
    .map((issue) =>
      [issue['path'] ?? issue['field'], issue['message']]
        .filter((part): part is string => typeof part === 'string' && part !== '')
        .join(': '),
    )
    .filter((line) => typeof detail !== 'string' || !detail.includes(line))
    .map((line) => `\n  - ${line}`);
  const details = isJsonObject(body['details']) ? body['details'] : {};
  const hint = hintFor(code, status, details['run_id']);
  // The run's own error says nothing of how the command was used.
  const ofRun = typeof details['run_id'] === 'string' && details['status'] === 'error';
  return new CliError(
    `${typeof detail === 'string' ? detail : `the server answered ${status}`}${lines.join('')}`,
    {
      exitCode: ofRun ? exitCodes.failed : (codesByStatus[status] ?? exitCodes.failed),
      problem: { status, ...body },
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

/** The one conversion of whatever a command threw. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof AppError) {
    const { status } = errorTable[error.code satisfies ErrorCode];
    const exitCode = codesByError[error.code] ?? codesByStatus[status] ?? exitCodes.failed;
    return new CliError(error.message, { exitCode, problem: { status, code: error.code } });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(message, { exitCode: exitCodes.failed });
}
