import { z } from 'zod';
import { AppError, tryParseJson, type JsonObject } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import { mayHaveArrived } from '../may-have-arrived.ts';

const maxAnswerBytes = 20_000_000;
const longestRetryAfterMs = 3_600_000;

const answerSchema = z.looseObject({ ok: z.boolean(), error: z.string().optional().catch(undefined) });

/** A call that Slack refused or that got no readable answer. No token is in any of its texts. */
export class SlackApiError extends AppError {
  /** Slack's word for the refusal, such as `channel_not_found`; empty when there was none. */
  readonly reason: string;
  /** HTTP status of the answer; 0 when there was none. */
  readonly httpStatus: number;
  readonly retryAfterMs: number | undefined;
  /** May the call have had its effect all the same? */
  readonly mayHaveArrived: boolean;

  constructor(
    message: string,
    options: {
      reason?: string;
      httpStatus: number;
      retryAfterMs?: number | undefined;
      mayHaveArrived?: boolean;
    },
  ) {
    super('upstream_error', message);
    this.name = 'SlackApiError';
    this.reason = options.reason ?? '';
    this.httpStatus = options.httpStatus;
    this.retryAfterMs = options.retryAfterMs;
    this.mayHaveArrived = options.mayHaveArrived ?? false;
  }
}

/** Calls one method of the Web API and returns its answer. Throws `SlackApiError`, or the reason of its signal. */
export type SlackApi = (
  method: string,
  parameters: JsonObject,
  /** `form`: some methods take no JSON. */
  options: { signal: AbortSignal; timeoutMs: number; form?: boolean },
) => Promise<JsonObject>;

/** Refusals of which Slack says that part of the work may be done. */
const halfDone = new Set(['fatal_error', 'internal_error']);

/** The Web API at `apiBase` over the egress client, with one token. */
export function createSlackApi(deps: {
  /** Asked for each call: a stopped channel has closed its connections. */
  egress: () => EgressClient;
  apiBase: string;
  token: string;
}): SlackApi {
  const base = deps.apiBase.replace(/\/+$/, '');
  const hide = (text: string): string => text.replaceAll(deps.token, '<token>');
  return async (method, parameters, { signal, timeoutMs, form = false }) => {
    let status: number;
    let headers: Readonly<Record<string, string>>;
    let text: string;
    try {
      const response = await deps.egress().request({
        url: `${base}/${method}`,
        method: 'POST',
        headers: {
          authorization: `Bearer ${deps.token}`,
          'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json; charset=utf-8',
        },
        body: form ? formOf(parameters) : JSON.stringify(parameters),
        signal,
        headersTimeoutMs: timeoutMs,
        idleTimeoutMs: timeoutMs,
      });
      ({ status, headers } = response);
      text = await readText(response.body);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const why = error instanceof Error ? error.message : 'no connection';
      throw new SlackApiError(`Slack did not answer ${method}: ${hide(why)}`, {
        httpStatus: 0,
        mayHaveArrived: mayHaveArrived(error),
      });
    }
    const retryAfterMs = readRetryAfter(headers['retry-after']);
    const answer = answerSchema.safeParse(tryParseJson(text));
    if (answer.success && answer.data.ok) return answer.data as JsonObject;
    const reason = (answer.success ? answer.data.error : undefined) ?? '';
    const shown = reason === '' ? `status ${status} and no readable reason` : `"${reason}"`;
    throw new SlackApiError(`Slack answered ${method} with ${hide(shown.slice(0, 200))}`, {
      reason,
      httpStatus: status,
      retryAfterMs,
      mayHaveArrived: halfDone.has(reason) || status === 504 || (status < 300 && reason === ''),
    });
  };
}

function formOf(parameters: JsonObject): string {
  const fields = Object.entries(parameters).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return new URLSearchParams(Object.fromEntries(fields) as Record<string, string>).toString();
}

function readRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,9}$/.test(header.trim())) return undefined;
  return Math.min(Number(header) * 1000, longestRetryAfterMs);
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
