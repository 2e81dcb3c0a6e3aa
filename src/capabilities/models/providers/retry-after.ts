import { isJsonObject, tryParseJson } from '../../../base/index.ts';

type Headers = Readonly<Record<string, string | undefined>>;

function milliseconds(text: string | undefined): number | undefined {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Google's `RetryInfo` stands in the body: `{ error: { details: [{ retryDelay: "34s" }] } }`. */
function delayInBody(body: unknown): number | undefined {
  const parsed = typeof body === 'string' ? tryParseJson(body) : body;
  const first: unknown = Array.isArray(parsed) ? (parsed as unknown[])[0] : parsed;
  const error = isJsonObject(first) ? first['error'] : undefined;
  const details = isJsonObject(error) ? error['details'] : undefined;
  if (!Array.isArray(details)) return undefined;
  for (const detail of details as unknown[]) {
    const delay = isJsonObject(detail) ? detail['retryDelay'] : undefined;
    const seconds = typeof delay === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(delay)?.[1] : undefined;
    if (seconds !== undefined) return Math.round(Number(seconds) * 1000);
  }
  return undefined;
}

/**
 * Milliseconds that the other side asks to wait: `retry-after-ms`, `x-ms-retry-after-ms`, `retry-after` (seconds or a
 * date), or Google's `retryDelay` in the body; the first that can be read.
 */
export function retryAfterMs(headers: Headers, nowMs: number, body?: unknown): number | undefined {
  const exact = milliseconds(headers['retry-after-ms']) ?? milliseconds(headers['x-ms-retry-after-ms']);
  if (exact !== undefined) return exact;
  const text = headers['retry-after'];
  if (text === undefined) return delayInBody(body);
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1000 : undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? delayInBody(body) : Math.max(0, date - nowMs);
}
