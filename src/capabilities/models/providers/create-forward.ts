import { AppError, isJsonObject, type Clock, type Json } from '../../../base/index.ts';
import type { ByteSource, EgressClient } from '../../../platform/http-client/index.ts';
import type { LLMProvider, WireShape } from '../provider.ts';
import type { CallTimes } from './call-limits.ts';
import { forwardBody, type ForwardDialect } from './forward-body.ts';
import { reportedError, statusError, toProviderError, type Upstream } from './provider-error.ts';

/** An upstream to which requests are sent on as they are. */
export interface ForwardOptions extends CallTimes, ForwardDialect {
  readonly pass: EgressClient['pass'];
  readonly clock: Clock;
  readonly upstream: Upstream;
  /** Where requests of each shape go. */
  readonly urls: Readonly<Partial<Record<WireShape, string>>>;
  /** Credentials and whatever else each request carries. */
  readonly headers: Readonly<Record<string, string>>;
}

const mostErrorBytes = 65_536;
const errorBodyMs = 5000;
const passedOn = /^(?:x-ratelimit-|anthropic-ratelimit-|openai-(?:processing-ms|version)$|request-id$)/;

/** What of an upstream's headers is of use to clients. */
function worthPassing(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && passedOn.test(name)) passed[name] = value;
  }
  return passed;
}

/** The beginning of an error's body; what comes too late or breaks off is left out. */
async function errorText(body: ByteSource, clock: Clock): Promise<string> {
  const cancel = clock.after(errorBodyMs, () => body.destroy());
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for (
      let chunk = await body.next();
      chunk !== undefined && size < mostErrorBytes;
      chunk = await body.next()
    ) {
      chunks.push(chunk);
      size += chunk.length;
    }
  } catch {
    // The status says enough.
  } finally {
    cancel();
    body.destroy();
  }
  return Buffer.concat(chunks).toString('utf8', 0, mostErrorBytes);
}

/** A report of failure in the words that `statusError` reads, where it names a status. */
function statusOf(report: Json): number | undefined {
  const inner = isJsonObject(report) && isJsonObject(report['error']) ? report['error'] : report;
  if (!isJsonObject(inner)) return undefined;
  const status = Number(inner['status'] ?? inner['code']);
  return Number.isInteger(status) && status >= 400 && status < 600 ? status : undefined;
}

/** `wireShapes` and `forward` of a provider: bytes to the upstream with its name of the model, the head of the answer back. */
export function createForward(
  options: ForwardOptions,
): Required<Pick<LLMProvider, 'wireShapes' | 'forward'>> {
  const { pass, clock, upstream, urls, timeoutMs = 120_000, idleTimeoutMs = 60_000 } = options;
  const shared = { 'content-type': 'application/json', ...options.headers };
  return {
    wireShapes: Object.keys(urls) as WireShape[],
    async forward(asked, { signal }) {
      const { wire, stream } = asked;
      const url = urls[wire.shape];
      if (url === undefined)
        throw new AppError(
          'invalid_request',
          `${upstream.label} takes no requests of the shape ${wire.shape}`,
        );
      let response;
      try {
        response = await pass({
          url,
          method: 'POST',
          headers: { ...wire.headers, accept: stream ? 'text/event-stream' : 'application/json', ...shared },
          body: forwardBody(asked, options),
          signal,
          headersTimeoutMs: timeoutMs,
          idleTimeoutMs,
        });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw toProviderError(upstream, error, { nowMs: clock.now(), begun: false });
      }
      const { status, headers, body } = response;
      if (status < 200 || status > 299) {
        const text = await errorText(body, clock);
        if (signal.aborted) throw signal.reason;
        throw statusError(upstream, { status, headers, body: text }, clock.now());
      }
      return {
        status,
        contentType: headers['content-type'] ?? '',
        headers: worthPassing(headers),
        body,
        toError: (report) => {
          const reported = statusOf(report);
          return reported === undefined
            ? reportedError(upstream, report)
            : statusError(upstream, { status: reported, headers: {}, body: report }, clock.now());
        },
      };
    },
  };
}
