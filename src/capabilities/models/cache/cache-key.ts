import { createHash } from 'node:crypto';
import { canonicalJson, isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { CacheableCall } from '../gateway/answer-cache.ts';

/** Fields that no model sees: who asks, and what the asker's own books are kept by. */
const besideTheQuestion = new Set([
  'model',
  'user',
  'metadata',
  'store',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'service_tier',
]);

/** Fields that hold such fields again. */
const nested = new Set(['extra', 'wire']);

function questionOf(body: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(body).flatMap(([name, value]) => {
      if (besideTheQuestion.has(name)) return [];
      return [[name, nested.has(name) && isJsonObject(value) ? questionOf(value) : value]];
    }),
  );
}

/**
 * Digest of all that an answer depends on, base64url. `stream_options` is part of it, because the bytes of an answer with
 * usage are others. `body` stands in for the call's own.
 */
export function cacheKeyOf(call: CacheableCall, body: JsonObject = call.body()): string {
  const { caller, model, shape, stream, headers, guards, control } = call;
  return createHash('sha256')
    .update(
      canonicalJson([
        caller.scope.tenant,
        control.namespace ?? null,
        model,
        shape,
        stream,
        headers ?? {},
        guards,
        questionOf(body),
      ]),
    )
    .digest('base64url');
}
