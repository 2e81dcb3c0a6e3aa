import type { FastifyError } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { AppError, toAppError, type ErrorCode } from '../../base/index.ts';

/** One field that is not as expected. */
export interface Issue {
  readonly in?: string;
  readonly path: string;
  readonly message: string;
}

const codes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
};

const messages: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE:
    'the body is larger than this server accepts (API_BODY_LIMIT_BYTES, for models API_MODEL_BODY_LIMIT_BYTES)',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'expected "Content-Type: application/json"',
};

function validationIssues(error: FastifyError): readonly Issue[] {
  const where = error.validationContext ?? 'body';
  return (error.validation ?? []).flatMap(({ instancePath, message = 'is not valid', params }) => {
    const path = instancePath.slice(1).replaceAll('/', '.');
    const unknown = params['keys'];
    if (!Array.isArray(unknown)) return [{ in: where, path, message }];
    return unknown.map((key: string) => ({
      in: where,
      path: path === '' ? key : `${path}.${key}`,
      message: 'is not a known field',
    }));
  });
}

function describe(issues: readonly Issue[]): string {
  const shown = issues
    .slice(0, 5)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return issues.length > shown.length
    ? `${shown.join('; ')}; and ${issues.length - shown.length} more`
    : shown.join('; ');
}

/** What a handler or Fastify itself threw, as one of ours. */
export function requestError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const issues = validationIssues(error);
    return new AppError('invalid_request', describe(issues), { details: { issues } });
  }
  const { code = '', statusCode = 500, message } = error as Partial<FastifyError>;
  if (statusCode < 400 || statusCode >= 500) return toAppError(error);
  return new AppError(
    codes[code] ?? 'invalid_request',
    messages[code] ?? message ?? 'the request is not valid',
  );
}
