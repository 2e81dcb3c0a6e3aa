import type { FastifyRequest } from 'fastify';
import { AppError, isJsonObject, spliceJson, type Json, type JsonObject } from '../../../base/index.ts';
import type { CacheControl, FallbackTarget, RequestRouting } from '../../../capabilities/models/index.ts';
import { hasScope } from '../../../protocol/index.ts';

/** A request without what only concerns its routing. */
export interface RoutedRequest {
  readonly routing: RequestRouting;
  readonly tags: readonly string[];
  readonly json: JsonObject;
  /** The same as bytes: those that came, when nothing had to be taken out. */
  readonly bytes: Buffer;
}

function fault(path: string, message: string): AppError {
  return new AppError('invalid_request', `${path}: ${message}`, { details: { issues: [{ path, message }] } });
}

function textsOf(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((one) => typeof one === 'string') : [];
}

function fallbacksOf(value: Json): readonly FallbackTarget[] {
  const list: readonly Json[] = Array.isArray(value) ? (value as readonly Json[]) : [value];
  return list.map((entry, index) => {
    if (typeof entry === 'string') return { model: entry };
    if (isJsonObject(entry) && typeof entry['model'] === 'string') {
      const { model, ...params } = entry;
      return { model, params };
    }
    throw fault(`fallbacks.${index}`, 'expected the name of a model, or an object with "model"');
  });
}

function numberOf(value: Json, path: string, least: number): number {
  if (typeof value === 'number' && value >= least) return value;
  throw fault(path, `expected a number of at least ${least}`);
}

/** `cache` of a request, in LiteLLM's words. */
function cacheOf(value: Json): CacheControl {
  if (!isJsonObject(value)) throw fault('cache', 'expected an object such as {"no-cache": true}');
  const maxAge = value['s-maxage'] ?? value['s-max-age'];
  const { ttl, namespace } = value;
  return {
    ...(value['no-cache'] === true ? { noCache: true } : {}),
    ...(value['no-store'] === true ? { noStore: true } : {}),
    ...(typeof maxAge === 'number' ? { maxAgeSeconds: maxAge } : {}),
    ...(typeof ttl === 'number' ? { ttlSeconds: ttl } : {}),
    ...(typeof namespace === 'string' ? { namespace } : {}),
  };
}

function cacheOfHeader(header: string): CacheControl {
  const words = header.toLowerCase();
  const age = /max-age=(\d{1,9})/.exec(words)?.[1];
  return {
    ...(words.includes('no-cache') ? { noCache: true } : {}),
    ...(words.includes('no-store') ? { noStore: true } : {}),
    ...(age === undefined ? {} : { maxAgeSeconds: Number(age) }),
  };
}

const mocks = {
  mock_testing_fallbacks: 'error',
  mock_testing_context_fallbacks: 'context-window',
  mock_testing_content_policy_fallbacks: 'content-policy',
  mock_testing_rate_limit_error: 'rate-limit',
} as const;

const fields = ['fallbacks', 'num_retries', 'timeout', 'cache', 'tags', ...Object.keys(mocks)] as const;

/** What the fields of a body say about its routing. */
function routingOfFields(json: JsonObject, request: FastifyRequest): RequestRouting {
  const given = <T>(name: string, read: (value: Json) => T): T | undefined => {
    const value = json[name];
    return value === undefined || value === null ? undefined : read(value);
  };
  const fallbacks = given('fallbacks', fallbacksOf);
  const numRetries = given('num_retries', (value) => Math.trunc(numberOf(value, 'num_retries', 0)));
  const seconds = given('timeout', (value) => numberOf(value, 'timeout', 0.001));
  const cache = given('cache', cacheOf);
  const mock = Object.entries(mocks).find(([name]) => json[name] === true);
  if (mock !== undefined && !hasScope(request.scope, 'admin'))
    throw new AppError('forbidden', `${mock[0]}: this needs the permission admin`);
  return {
    ...(fallbacks === undefined ? {} : { fallbacks }),
    ...(numRetries === undefined ? {} : { numRetries }),
    ...(seconds === undefined ? {} : { timeoutMs: seconds * 1000 }),
    ...(cache === undefined ? {} : { cache }),
    ...(mock === undefined
      ? {}
      : // Only a call that is not tried again falls back after one failure.
        {
          failFirst: { attempts: 1, kind: mock[1] },
          ...(mock[1] === 'rate-limit' ? {} : { numRetries: 0 }),
        }),
  };
}

/** What LiteLLM's clients say in headers; a body that says it too stands above them. */
function routingOfHeaders(headers: FastifyRequest['headers']): RequestRouting {
  const retries = headers['x-litellm-num-retries'];
  const seconds = headers['x-litellm-timeout'];
  if (retries === undefined && seconds === undefined) return {};
  const wellFormed = (value: unknown): value is string =>
    typeof value === 'string' && /^\d{1,6}(?:\.\d+)?$/.test(value);
  return {
    ...(wellFormed(retries) ? { numRetries: Math.trunc(Number(retries)) } : {}),
    ...(wellFormed(seconds) && Number(seconds) > 0 ? { timeoutMs: Number(seconds) * 1000 } : {}),
  };
}

/** The body without `metadata.tags`, which is a list only where it is meant for a router. */
function metadataWithoutTags(json: JsonObject): { readonly set?: JsonObject; readonly remove: string[] } {
  const { metadata } = json;
  if (!isJsonObject(metadata) || !Array.isArray(metadata['tags'])) return { remove: [] };
  const { tags: _tags, ...rest } = metadata;
  return Object.keys(rest).length === 0 ? { remove: ['metadata'] } : { set: { metadata: rest }, remove: [] };
}

/**
 * Takes from headers and body what concerns the routing of a model call: tags, fallbacks, retries, time-out and cache, as
 * LiteLLM's clients write them. Errors: `invalid_request`; `forbidden` for switches that only admins may use.
 */
export function readRouting(
  request: FastifyRequest,
  { json, bytes }: { readonly json: JsonObject; readonly bytes: Buffer },
): RoutedRequest {
  const { headers } = request;
  const headerTags = headers['x-a33-tags'] ?? headers['x-litellm-tags'];
  const cacheHeader = headers['cache-control'];
  const inBody = fields.some((name) => json[name] !== undefined);
  const metadata = metadataWithoutTags(json);
  const untouched = !inBody && metadata.set === undefined && metadata.remove.length === 0;
  const routing: RequestRouting = {
    ...routingOfHeaders(headers),
    ...(inBody ? routingOfFields(json, request) : {}),
  };
  const cache =
    cacheHeader === undefined ? routing.cache : { ...cacheOfHeader(cacheHeader), ...routing.cache };
  const told = cache === undefined ? routing : { ...routing, cache };
  const tags = [
    ...(typeof headerTags === 'string'
      ? headerTags
          .split(',')
          .map((tag) => tag.trim())
          .filter((tag) => tag !== '')
      : []),
    ...(untouched ? [] : textsOf(json['tags'])),
    ...(untouched || !isJsonObject(json['metadata']) ? [] : textsOf(json['metadata']['tags'])),
  ];
  if (untouched) return { routing: told, tags, json, bytes };
  const remove = [...fields, ...metadata.remove];
  const kept = Object.fromEntries(Object.entries(json).filter(([name]) => !remove.includes(name)));
  return {
    routing: told,
    tags,
    json: { ...kept, ...metadata.set },
    bytes: spliceJson(bytes, { remove, ...(metadata.set === undefined ? {} : { set: metadata.set }) }),
  };
}
