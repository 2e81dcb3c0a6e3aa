import { Readable } from 'node:stream';
import {
  Agent,
  fetch as undiciFetch,
  request as undiciRequest,
  WebSocket as UndiciWebSocket,
  type Dispatcher,
} from 'undici';
import { AppError, systemClock, type Clock } from '../../base/index.ts';
import { checkedUrl } from './checked-url.ts';
import type {
  ByteSource,
  EgressClient,
  EgressPolicy,
  EgressRequest,
  EgressResponse,
  PassedResponse,
} from './egress.ts';
import { toEgressError } from './egress-error.ts';
import { createGuardedConnector, resolveWithSystem, type ResolveHost } from './guarded-connector.ts';
import { PassingAnswer } from './passing-answer.ts';
import { capped, cappedResponse, decoded, discard } from './response-body.ts';
import { StreamSource } from './stream-source.ts';

const redirectStatuses = new Set([301, 302, 303, 307, 308]);
const headersOfOrigin = new Set(['authorization', 'cookie', 'host', 'proxy-authorization', 'x-api-key']);
const defaultConnectMs = 10_000;
const defaultHeadersMs = 60_000;
const defaultIdleMs = 60_000;
const mostPlaces = 1000;

function plainHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) plain[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return plain;
}

/** What is asked of the next hop: no credentials for another origin, no body where the redirect turns it into a GET. */
function redirected(request: EgressRequest, status: number, sameOrigin: boolean): EgressRequest {
  const asGet =
    (status === 303 && request.method !== 'HEAD') ||
    ((status === 301 || status === 302) && request.method === 'POST');
  const headers = Object.fromEntries(
    Object.entries(request.headers ?? {}).filter(
      ([name]) =>
        (sameOrigin || !headersOfOrigin.has(name.toLowerCase())) && !(asGet && /^content-/i.test(name)),
    ),
  );
  const { body: _body, ...bodyless } = request;
  return asGet ? { ...bodyless, headers, method: 'GET' } : { ...request, headers };
}

async function* chunksOf(source: ByteSource): AsyncGenerator<Buffer, void> {
  try {
    for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) yield chunk;
  } finally {
    source.destroy();
  }
}

/** The parts of a `Request`, for a `fetch` that knows only its own class of that name. */
function partsOf(request: Request): RequestInit {
  const { method, headers, body, signal } = request;
  return { method, headers, signal, ...(body === null ? {} : { body, duplex: 'half' }) };
}

/** A client that reaches what its policy allows and nothing else; connections are pooled per client. */
export function createEgressClient(
  policy: EgressPolicy,
  options: { resolve?: ResolveHost; clock?: Clock } = {},
): EgressClient {
  const { allowPrivate, hosts, limits = {}, maxRedirects = 0, maxBodyBytes } = policy;
  const closing = new AbortController();
  const agent = new Agent({
    connect: createGuardedConnector({
      allowPrivate: typeof allowPrivate === 'function' ? allowPrivate : () => allowPrivate,
      resolve: options.resolve ?? resolveWithSystem,
      clock: options.clock ?? systemClock,
      connectMs: limits.connectMs ?? defaultConnectMs,
      closed: closing.signal,
    }),
    headersTimeout: limits.headersMs ?? 0,
    bodyTimeout: limits.idleMs ?? 0,
    // Answers of models take long: each holds a connection for as long.
    connections: 256,
  });
  const limitedAgent = agent.compose(
    (dispatch): Dispatcher.Dispatch =>
      (call, handler) =>
        dispatch(
          {
            ...call,
            headersTimeout: limits.headersMs ?? defaultHeadersMs,
            bodyTimeout: limits.idleMs ?? defaultIdleMs,
          },
          handler,
        ),
  );

  async function send(url: URL, request: EgressRequest, hops: number): Promise<EgressResponse> {
    const { signal } = request;
    let response;
    try {
      response = await undiciRequest(url, {
        dispatcher: agent,
        method: request.method ?? 'GET',
        headers: { 'accept-encoding': 'gzip, deflate, br', ...request.headers },
        body: request.body ?? null,
        signal: signal ?? null,
        headersTimeout: request.headersTimeoutMs ?? limits.headersMs ?? defaultHeadersMs,
        bodyTimeout: request.idleTimeoutMs ?? limits.idleMs ?? defaultIdleMs,
      });
    } catch (error) {
      throw toEgressError(error, url.host, signal);
    }
    const received = plainHeaders(response.headers);
    const location = received['location'];
    if (redirectStatuses.has(response.statusCode) && location !== undefined && maxRedirects > 0) {
      discard(response.body);
      if (hops >= maxRedirects) throw new AppError('upstream_error', `"${url.host}" redirects too often`);
      const next = checkedUrl(location, hosts, url);
      return send(next, redirected(request, response.statusCode, next.origin === url.origin), hops + 1);
    }
    const bodiless = request.method === 'HEAD' || response.statusCode === 204 || response.statusCode === 304;
    const body = bodiless ? response.body : decoded(response.body, received['content-encoding'], url.host);
    return {
      status: response.statusCode,
      headers: received,
      url: url.href,
      body: capped(body, { mostBytes: maxBodyBytes ?? Number.MAX_SAFE_INTEGER, host: url.host, signal }),
    };
  }

  async function pass(request: EgressRequest): Promise<PassedResponse> {
    const { signal } = request;
    if (signal?.aborted === true) throw signal.reason;
    const { origin, path, host } = placeOf(request.url);
    const answer = new PassingAnswer(signal);
    try {
      agent.dispatch(
        {
          origin,
          path,
          method: request.method ?? 'GET',
          headers: { 'accept-encoding': 'identity', ...request.headers },
          body: request.body ?? null,
          headersTimeout: request.headersTimeoutMs ?? limits.headersMs ?? defaultHeadersMs,
          bodyTimeout: request.idleTimeoutMs ?? limits.idleMs ?? defaultIdleMs,
        },
        answer,
      );
      const head = await answer.head;
      const encoding = head.headers['content-encoding'];
      if (encoding === undefined || encoding === 'identity') return head;
      const body = decoded(Readable.from(chunksOf(head.body)), encoding, host);
      return { ...head, body: new StreamSource(body) };
    } catch (error) {
      answer.destroy();
      throw toEgressError(error, host, signal);
    }
  }

  /** Providers ask for the same few addresses over and over. */
  const places = new Map<string, { origin: string; path: string; host: string }>();
  function placeOf(address: string): { origin: string; path: string; host: string } {
    const known = places.get(address);
    if (known !== undefined) return known;
    const { origin, pathname, search, host } = checkedUrl(address, hosts);
    const place = { origin, path: `${pathname}${search}`, host };
    if (places.size >= mostPlaces) places.clear();
    places.set(address, place);
    return place;
  }

  const guardedFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const parts = input instanceof Request ? { ...partsOf(input), ...init } : { ...init };
    const url = checkedUrl(input instanceof Request ? input.url : String(input), hosts);
    // Whoever brings a signal bounds the call with it: a model may be silent for longer than any default.
    const dispatcher = init?.signal === undefined || init.signal === null ? limitedAgent : agent;
    try {
      const answer = (await undiciFetch(url, {
        ...parts,
        dispatcher,
        redirect: 'error',
      } as never)) as Response;
      return maxBodyBytes === undefined ? answer : cappedResponse(answer, maxBodyBytes, url.host);
    } catch (error) {
      throw toEgressError(error, url.host, parts.signal);
    }
  };

  return {
    request: async (request) => send(checkedUrl(request.url, hosts), request, 0),
    pass,
    fetch: guardedFetch,
    openWebSocket: (address) => {
      if (!/^wss?:/i.test(address)) throw new AppError('invalid_request', 'expected a ws: or wss: address');
      checkedUrl(address.replace(/^ws/i, 'http'), hosts);
      return new UndiciWebSocket(address, { dispatcher: agent });
    },
    close: async () => {
      const destroyed = agent.destroy();
      closing.abort();
      await destroyed;
    },
  };
}
