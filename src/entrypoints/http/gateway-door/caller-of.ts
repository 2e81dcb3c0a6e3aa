import type { FastifyRequest } from 'fastify';
import type { ModelCaller } from '../../../capabilities/accounting/index.ts';
import { hasScope } from '../../../protocol/index.ts';

const longestName = 200;

function named(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= longestName ? value : undefined;
}

/**
 * On whose behalf a request calls models. The end user (`x-a33-user`, what Open WebUI sends, or the field of the shape)
 * counts only from a key that may speak for others: else anybody could use up another's budget, or escape the own.
 */
export function callerOf(
  request: FastifyRequest,
  more: { readonly tags?: readonly string[]; readonly user?: unknown } = {},
): ModelCaller {
  const { scope, id, headers } = request;
  const given =
    named(headers['x-a33-user']) ??
    named(headers['x-openwebui-user-email']) ??
    named(headers['x-openwebui-user-id']) ??
    named(more.user);
  const user = given !== undefined && hasScope(scope, 'users:represent') ? given : undefined;
  const userAgent = headers['user-agent'];
  const { traceparent, tracestate } = headers;
  return {
    scope,
    requestId: id,
    ...(user === undefined ? {} : { user }),
    ...(more.tags === undefined || more.tags.length === 0 ? {} : { tags: more.tags }),
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(typeof traceparent === 'string'
      ? { trace: { traceparent, ...(typeof tracestate === 'string' ? { tracestate } : {}) } }
      : {}),
  };
}
