import { z } from 'zod';
import { AppError, tryParseJson, type Json } from '../../../base/index.ts';
import type { EgressClient, EgressRequest } from '../../../platform/http-client/index.ts';
import { DiscordApiError } from './discord-api-error.ts';
import type { RateLimits } from './rate-limits.ts';
import { mayHaveArrived } from '../may-have-arrived.ts';
import { multipartForm, type FormFile } from '../multipart.ts';

const maxAnswerBytes = 20_000_000;

const refusal = z.object({
  code: z.number().optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  retry_after: z.number().nonnegative().optional().catch(undefined),
  global: z.boolean().optional().catch(undefined),
});

/** One call of the REST API. */
export interface DiscordCall {
  readonly method: NonNullable<EgressRequest['method']>;
  readonly path: string;
  /** Names the call in errors and for its limit: never with a token, the channel or webhook last. */
  readonly route: string;
  readonly body?: Json;
  /** Goes along with the body. */
  readonly file?: FormFile;
  /** `interaction`: its token stands in the path, and the limit of the account does not count it. */
  readonly as: 'bot' | 'interaction';
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Makes one call and returns its answer. Throws `DiscordApiError`, or the reason of its signal. */
export type DiscordApi = (call: DiscordCall) => Promise<Json>;

/** Discord's REST API at `apiBase` over the egress client. */
export function createDiscordApi(deps: {
  /** Asked for each call: a stopped channel has closed its connections. */
  egress: () => EgressClient;
  apiBase: string;
  token: string;
  limits: RateLimits;
}): DiscordApi {
  const base = deps.apiBase.replace(/\/+$/, '');
  const hide = (text: string): string => text.replaceAll(deps.token, '<token>');
  return async ({ method, path, route, body, file, as, signal, timeoutMs }) => {
    await deps.limits.turn(route, { signal, exempt: as === 'interaction' });
    let status: number;
    let headers: Readonly<Record<string, string>>;
    let text: string;
    try {
      const content = contentOf(body, file);
      const response = await deps.egress().request({
        url: `${base}${path}`,
        method,
        headers: {
          'user-agent': 'DiscordBot (https://github.com/agent33, 1)',
          ...(content === undefined ? {} : { 'content-type': content.contentType }),
          ...(as === 'bot' ? { authorization: `Bot ${deps.token}` } : {}),
        },
        ...(content === undefined ? {} : { body: content.body }),
        signal,
        headersTimeoutMs: timeoutMs,
        idleTimeoutMs: timeoutMs,
      });
      ({ status, headers } = response);
      text = await readText(response.body);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new DiscordApiError(`Discord did not answer ${route}: ${hide(messageOf(error))}`, {
        status: 0,
        mayHaveArrived: mayHaveArrived(error),
      });
    }
    deps.limits.learn(route, headers);
    if (status >= 200 && status < 300) return tryParseJson(text) ?? null;
    throw refused({ route, status, headers, text: hide(text) }, deps.limits);
  };
}

function refused(
  answer: { route: string; status: number; headers: Readonly<Record<string, string>>; text: string },
  limits: RateLimits,
): DiscordApiError {
  const { route, status, headers } = answer;
  const told = refusal.safeParse(tryParseJson(answer.text));
  const { code, message, retry_after: wait, global } = told.success ? told.data : {};
  const isGlobal = global === true || headers['x-ratelimit-global'] === 'true';
  const seconds = wait ?? Number(headers['retry-after'] ?? Number.NaN);
  const retryAfterMs = status === 429 ? (Number.isFinite(seconds) ? seconds * 1000 : 5000) : undefined;
  if (isGlobal && retryAfterMs !== undefined) limits.pause(retryAfterMs);
  const why = message === undefined ? `status ${status}` : message.slice(0, 300);
  return new DiscordApiError(`Discord refused ${route}: ${why}`, {
    status,
    number: code,
    retryAfterMs,
    isGlobal,
  });
}

function contentOf(body: Json | undefined, file: FormFile | undefined) {
  if (body === undefined) return undefined;
  const json = JSON.stringify(body);
  if (file === undefined) return { contentType: 'application/json', body: json };
  return multipartForm({ payload_json: json }, file);
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > maxAnswerBytes) throw new AppError('payload_too_large', 'the answer is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no connection';
}
