import { AppError, isAbortError, isJsonObject, tryParseJson } from '../../../base/index.ts';
import { refusalOf } from './refusal-words.ts';
import { retryAfterMs } from './retry-after.ts';

/** Who is called, in the words of error messages. */
export interface Upstream {
  /** `Ollama`, `OpenAI`. */
  readonly label: string;
  /** Address without credentials or query. */
  readonly address: string;
  /** What to set when the key is refused. */
  readonly keyHint: string;
  /** Never to appear in a message, even if the other side echoes it. */
  readonly secret?: string | undefined;
  /** More of the kind: secret keys beside a key id, values of headers. */
  readonly secrets?: readonly string[];
}

/** An address as it may be shown: no credentials, no query. */
export function shownAddress(url: string): string {
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname === '/' ? '' : parsed.pathname.replace(/\/$/, '')}`;
}

/** Causes of a failed connection, by the code of the error at the bottom. */
const connectionWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'closed the connection',
  EPIPE: 'closed the connection',
  UND_ERR_SOCKET: 'closed the connection',
  ENOTFOUND: 'has a host name that cannot be resolved',
  EAI_AGAIN: 'has a host name that cannot be resolved now',
  EHOSTUNREACH: 'is not reachable over the network',
  ENETUNREACH: 'is not reachable over the network',
  ETIMEDOUT: 'did not accept the connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'did not accept the connection in time',
  CERT_HAS_EXPIRED: 'has an expired TLS certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a self-signed TLS certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a self-signed TLS certificate in its chain',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a TLS certificate that cannot be verified',
};
const slowCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** The error itself and everything that led to it. */
function causes(error: unknown, depth = 0): unknown[] {
  if (depth > 6 || error === null || typeof error !== 'object') return [error];
  const inner = error as { cause?: unknown; errors?: unknown };
  const below = Array.isArray(inner.errors) ? (inner.errors as unknown[]) : [];
  return [
    error,
    ...[inner.cause, ...below].filter((one) => one !== undefined).flatMap((one) => causes(one, depth + 1)),
  ];
}

function said(upstream: Upstream, text: string): string {
  const secrets = [upstream.secret, ...(upstream.secrets ?? [])].filter((one) => one !== undefined);
  // A short word such as a header's "true" is no secret.
  const clean = secrets
    .filter((secret) => secret.length >= 6)
    .reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
  const line = clean.replaceAll(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

interface ReadError {
  readonly message: string;
  /** Types, codes and states in the provider's words. */
  readonly kind: string;
  /** Its code, where that is a word. */
  readonly code?: string;
  /** The HTTP status that an error within a 200 answer names. */
  readonly status?: number;
}

const plainCode = /^[A-Za-z][\w.-]{0,63}$/;

function words(...parts: readonly unknown[]): string {
  return parts.filter((part) => typeof part === 'string' || typeof part === 'number').join(' ');
}

/** Message, type and code of an error body in any of the shapes that providers use. */
function readErrorBody(body: unknown): ReadError {
  if (typeof body === 'string') {
    const parsed = tryParseJson(body);
    // A page of HTML says nothing to people.
    if (parsed === undefined) return { message: body.trimStart().startsWith('<') ? '' : body, kind: '' };
    if (typeof parsed === 'string') return { message: parsed, kind: '' };
    return readErrorBody(parsed);
  }
  // Google wraps the errors of streams in a list.
  if (Array.isArray(body)) return readErrorBody(body[0]);
  if (!isJsonObject(body)) return { message: '', kind: '' };
  const inner = body['error'] ?? body;
  if (typeof inner === 'string') return { message: inner, kind: words(body['code'], body['type']) };
  if (!isJsonObject(inner)) return { message: '', kind: '' };
  const { innererror, metadata, details } = inner;
  const message = inner['message'] ?? inner['Message'] ?? inner['detail'] ?? inner['msg'];
  const kind = words(
    inner['type'],
    inner['code'],
    inner['status'],
    inner['__type'],
    isJsonObject(innererror) ? innererror['code'] : undefined,
    isJsonObject(details) ? details['error_code'] : undefined,
    // OpenRouter hands on what its own upstream said.
    isJsonObject(metadata) ? metadata['raw'] : undefined,
  );
  const status = [inner['status'], inner['code'], body['status_code']].find(
    (one) => typeof one === 'number' && one >= 400 && one < 600,
  );
  const text =
    typeof message === 'string'
      ? message
      : message === undefined || message === null
        ? ''
        : JSON.stringify(message);
  const { code } = inner;
  return {
    message: text,
    kind,
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof code === 'string' && plainCode.test(code) ? { code } : {}),
  };
}

/** The error for an HTTP answer that is no success. */
export function statusError(
  upstream: Upstream,
  answer: { status: number; headers: Readonly<Record<string, string | undefined>>; body: unknown },
  nowMs: number,
): AppError {
  const { status } = answer;
  const { message, kind, code } = readErrorBody(answer.body);
  const text = said(upstream, message);
  const who = `${upstream.label} at ${upstream.address}`;
  const tail = text === '' ? '' : `: ${text}`;
  const details = { provider: upstream.label, status };
  const spent = /insufficient_quota|billing|credit balance|insufficient balance/i.test(`${kind} ${message}`);
  const waitMs = retryAfterMs(answer.headers, nowMs, answer.body);
  const waiting = waitMs === undefined ? details : { ...details, retryAfterMs: waitMs };
  // Anthropic says with 400 that an account is empty: the request is well, and somebody else can answer it.
  if (status === 429 || (status === 400 && spent) || /ThrottlingException/.test(kind))
    return new AppError('rate_limited', `${who} limits the rate of calls (${status})${tail}`, {
      details: waiting,
      ...(spent ? { retryable: false } : {}),
    });
  const refusal =
    status >= 400 && status < 500 && status !== 401 ? refusalOf(`${kind} ${message}`) : undefined;
  if (refusal === 'content')
    return new AppError('content_blocked', `${who} refused the content (${status})${tail}`, { details });
  if (refusal === 'context')
    return new AppError('context_window_exceeded', `${who}: the conversation is too long${tail}`, {
      details,
    });
  if (status === 401 || status === 403)
    return new AppError('model_rejected', `${who} refused the credentials (${status}). ${upstream.keyHint}`, {
      details,
    });
  if (status === 408 || status === 504)
    return new AppError('timeout', `${who} ran out of time (${status})${tail}`, { details });
  if (status >= 500 && status !== 501)
    return new AppError('model_unavailable', `${who} answered ${status}${tail}`, { details: waiting });
  // 501: the server will never do that, such as llama.cpp without embeddings.
  if (status >= 400)
    return new AppError('model_rejected', `${who} refused the call (${status})${tail}`, {
      details: code === undefined ? details : { ...details, upstreamCode: code },
    });
  return new AppError('upstream_error', `${who} answered ${status}, which is no answer of a model${tail}`, {
    details,
  });
}

/** The error for an error report that came within an answer that had begun well. */
export function reportedError(upstream: Upstream, report: unknown): AppError {
  const { message, kind, status } = readErrorBody(report);
  const who = `${upstream.label} at ${upstream.address}`;
  const text = `${who} broke off with an error: ${said(upstream, message) || 'it did not say which'}`;
  const about = { details: { provider: upstream.label, ...(status === undefined ? {} : { status }) } };
  const refusal = refusalOf(`${kind} ${message}`);
  if (refusal === 'context') return new AppError('context_window_exceeded', text, about);
  if (refusal === 'content') return new AppError('content_blocked', text, about);
  if (status === 429 || /rate_limit|throttling|RESOURCE_EXHAUSTED|\b429\b/i.test(kind))
    return new AppError('rate_limited', text, about);
  if ((status ?? 0) >= 500 || /overloaded|unavailable|\b5\d\d\b/i.test(kind))
    return new AppError('model_unavailable', text, about);
  if (status !== undefined) return new AppError('model_rejected', text, about);
  return new AppError('upstream_error', text, about);
}

/** Errors of the AI SDK about a request that it cannot put into the provider's form. */
const refusedBySdk: ReadonlySet<string> = new Set([
  'AI_UnsupportedFunctionalityError',
  'AI_InvalidPromptError',
  'AI_InvalidArgumentError',
  'AI_LoadAPIKeyError',
  'AI_LoadSettingError',
  'AI_NoSuchModelError',
]);

interface HttpFailure {
  readonly statusCode?: number;
  readonly responseHeaders?: Record<string, string>;
  readonly responseBody?: string;
}

function isHttpFailure(error: unknown): error is HttpFailure {
  return error instanceof Error && error.name === 'AI_APICallError';
}

/**
 * Turns whatever a call threw into the port's errors. `begun` says that the answer had started: a lost connection is
 * then a cut answer, not a provider that cannot be reached.
 */
export function toProviderError(
  upstream: Upstream,
  error: unknown,
  context: { readonly nowMs: number; readonly begun: boolean },
): AppError {
  const chain = causes(error);
  const who = `${upstream.label} at ${upstream.address}`;
  const known = chain.find((one) => one instanceof AppError);
  if (known !== undefined && !['upstream_error', 'payload_too_large', 'timeout'].includes(known.code))
    return known;
  const refused = chain.find((one) => one instanceof Error && refusedBySdk.has(one.name));
  if (refused instanceof Error)
    return new AppError(
      'model_rejected',
      `${upstream.label} cannot take this call: ${said(upstream, refused.message)}`,
      { details: { provider: upstream.label }, cause: error },
    );
  const http = chain.find(isHttpFailure);
  if (http?.statusCode !== undefined && (http.statusCode < 200 || http.statusCode > 299)) {
    return statusError(
      upstream,
      { status: http.statusCode, headers: http.responseHeaders ?? {}, body: http.responseBody ?? '' },
      context.nowMs,
    );
  }
  const codes = chain
    .map((one) => (one as { code?: unknown } | null | undefined)?.code)
    .filter((code) => typeof code === 'string');
  // Who does not accept a connection has been told nothing: others may be asked, and nothing was used.
  const unconnected = codes.includes('UND_ERR_CONNECT_TIMEOUT');
  if (!unconnected && (known?.code === 'timeout' || codes.some((code) => slowCodes.has(code))))
    return new AppError('timeout', known?.message ?? `${who} did not answer in time.`, { cause: error });
  const code = codes.find((one) => one in connectionWords);
  const lost =
    code !== undefined ||
    // The AI SDK's error for a failed `fetch` has no status.
    (http !== undefined && http.statusCode === undefined) ||
    chain.some((one) => one instanceof TypeError && /fetch failed|terminated/.test(one.message));
  if (context.begun && (lost || chain.some(isAbortError)))
    return new AppError('upstream_error', `${who} cut its answer off.`, { cause: error });
  if (lost) {
    const words =
      connectionWords[code ?? ''] ??
      `cannot be reached${known === undefined ? '' : `: ${said(upstream, known.message).replace(/\.$/, '')}`}`;
    return new AppError('model_unavailable', `${who} ${words}.`, { cause: error });
  }
  if (known !== undefined) return known;
  return new AppError('upstream_error', `${who} gave an answer that cannot be read.`, { cause: error });
}
