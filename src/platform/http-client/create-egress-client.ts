import { Transform, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { Agent, fetch as undiciFetch, request as undiciRequest } from 'undici';
import { AppError, isAbortError } from '../../base/index.ts';
import { matchesHost } from './address-guard.ts';
import type { EgressClient, EgressPolicy, EgressRequest, EgressResponse } from './egress.ts';
import { createGuardedConnector, resolveWithSystem, type ResolveHost } from './guarded-connector.ts';

const redirectStatuses = new Set([301, 302, 303, 307, 308]);
const credentialHeaders = new Set(['authorization', 'cookie', 'proxy-authorization', 'x-api-key']);

function checkedUrl(text: string, policy: EgressPolicy): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new AppError(
      'invalid_request',
      `url: "${text.slice(0, 200)}" is not an address; expected http(s)://host/…`,
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AppError(
      'egress_denied',
      `only http and https may be used, not "${url.protocol.slice(0, -1)}"`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('egress_denied', 'an address must not carry credentials');
  }
  if (policy.hosts !== undefined && !policy.hosts.some((pattern) => matchesHost(pattern, url.hostname))) {
    throw new AppError('egress_denied', `host "${url.hostname}" is not on the list of allowed hosts`);
  }
  return url;
}

/** Finds our own error in a chain of causes, or says in words what failed; the cause keeps its `code`. */
function toEgressError(error: unknown, host: string): Error {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AppError) return cause;
    if (isAbortError(cause)) return cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (
      code === 'UND_ERR_HEADERS_TIMEOUT' ||
      code === 'UND_ERR_BODY_TIMEOUT' ||
      code === 'UND_ERR_CONNECT_TIMEOUT'
    ) {
      return new AppError('timeout', `"${host}" did not answer in time`, { cause: error });
    }
  }
  return new AppError('upstream_error', `no connection to "${host}"`, { cause: error });
}

function decoded(body: Readable, encoding: string | undefined): Readable {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return body;
  const decoder =
    encoding === 'gzip' || encoding === 'x-gzip'
      ? createGunzip()
      : encoding === 'br'
        ? createBrotliDecompress()
        : encoding === 'deflate'
          ? createInflate()
          : undefined;
  if (decoder === undefined)
    throw new AppError('upstream_error', `the answer has the unknown encoding "${encoding}"`);
  body.on('error', (error) => decoder.destroy(error));
  decoder.on('close', () => body.destroy());
  return body.pipe(decoder);
}

function capped(body: Readable, mostBytes: number, host: string): Readable {
  let bytes = 0;
  const cap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > mostBytes)
        done(new AppError('payload_too_large', `the answer of "${host}" is larger than ${mostBytes} bytes`));
      else done(null, chunk);
    },
  });
  body.on('error', (error) => cap.destroy(toEgressError(error, host)));
  cap.on('close', () => body.destroy());
  return body.pipe(cap);
}

function plainHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

/** A client that reaches what its policy allows and nothing else; connections are pooled per client. */
export function createEgressClient(
  policy: EgressPolicy,
  options: { resolve?: ResolveHost } = {},
): EgressClient {
  const agent = new Agent({
    connect: createGuardedConnector(policy.allowPrivate, options.resolve ?? resolveWithSystem),
    // SDKs bound their calls by signal; a slow model may be silent for long.
    headersTimeout: 0,
    bodyTimeout: 0,
    connections: 128,
  });

  async function send(
    url: URL,
    request: EgressRequest,
    headers: Record<string, string>,
    hops: number,
  ): Promise<EgressResponse> {
    let response;
    try {
      response = await undiciRequest(url, {
        dispatcher: agent,
        method: request.method ?? 'GET',
        headers: { 'accept-encoding': 'gzip, deflate, br', ...headers },
        body: request.body ?? null,
        signal: request.signal ?? null,
        headersTimeout: request.headersTimeoutMs ?? 30_000,
        bodyTimeout: request.idleTimeoutMs ?? 60_000,
      });
    } catch (error) {
      throw toEgressError(error, url.host);
    }
    const received = plainHeaders(response.headers);
    const location = received['location'];
    if (
      redirectStatuses.has(response.statusCode) &&
      location !== undefined &&
      (policy.maxRedirects ?? 0) > 0
    ) {
      response.body.destroy();
      if (hops >= (policy.maxRedirects ?? 0))
        throw new AppError('upstream_error', `"${url.host}" redirects too often`);
      const next = checkedUrl(new URL(location, url).href, policy);
      const kept = Object.entries(headers).filter(
        ([name]) => next.origin === url.origin || !credentialHeaders.has(name.toLowerCase()),
      );
      const asGet =
        response.statusCode === 303 ||
        ((response.statusCode === 301 || response.statusCode === 302) && request.method === 'POST');
      const { body: _body, ...bodyless } = request;
      return send(next, asGet ? { ...bodyless, method: 'GET' } : request, Object.fromEntries(kept), hops + 1);
    }
    const body = decoded(response.body, received['content-encoding']);
    return {
      status: response.statusCode,
      headers: received,
      url: url.href,
      body: capped(body, policy.maxBodyBytes ?? Number.MAX_SAFE_INTEGER, url.host),
    };
  }

  const guardedFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = checkedUrl(input instanceof Request ? input.url : String(input), policy);
    try {
      const answer = await undiciFetch(url, { ...init, dispatcher: agent, redirect: 'error' } as never);
      return answer;
    } catch (error) {
      throw toEgressError(error, url.host);
    }
  };

  return {
    request: async (request) => send(checkedUrl(request.url, policy), request, { ...request.headers }, 0),
    fetch: guardedFetch,
    close: () => agent.destroy(),
  };
}
