import { z } from 'zod';
import { AppError, isJsonObject, tryParseJson, visibleLine, type JsonObject } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import { mayHaveArrived } from '../may-have-arrived.ts';
import { multipartForm, type FormFile } from '../multipart.ts';
import { describeError, errorSchema, notTaken } from './error-codes.ts';

const maxAnswerBytes = 5_000_000;
const longestRetryAfterMs = 3_600_000;
const longestReason = 500;

const refusal = z.object({ error: errorSchema });

/** A call that the Graph API refused or that got no readable answer. No token is in any of its texts. */
export class WhatsAppApiError extends AppError {
  /** Meta's number for the refusal; `undefined` when there was none. */
  readonly errorCode: number | undefined;
  /** HTTP status of the answer; 0 when there was none. */
  readonly httpStatus: number;
  readonly retryAfterMs: number | undefined;
  /** Meta says that the same call may work later. */
  readonly isTransient: boolean;
  /** May the call have had its effect all the same? */
  readonly mayHaveArrived: boolean;

  constructor(
    message: string,
    options: {
      errorCode?: number | undefined;
      httpStatus: number;
      retryAfterMs?: number | undefined;
      isTransient?: boolean;
      mayHaveArrived?: boolean;
    },
  ) {
    super('upstream_error', message);
    this.name = 'WhatsAppApiError';
    this.errorCode = options.errorCode;
    this.httpStatus = options.httpStatus;
    this.retryAfterMs = options.retryAfterMs;
    this.isTransient = options.isTransient ?? false;
    this.mayHaveArrived = options.mayHaveArrived ?? false;
  }
}

/** One call of the Graph API. */
export interface WhatsAppCall {
  readonly method: 'GET' | 'POST';
  /** Behind the version, without a slash before it. */
  readonly path: string;
  /** What it does, for messages. */
  readonly action: string;
  readonly body?: JsonObject;
  /** A form with a file in place of a body. */
  readonly form?: { readonly fields: Readonly<Record<string, string>>; readonly file: FormFile };
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Calls the Graph API and returns its answer. Throws `WhatsAppApiError`, or the reason of its signal. */
export type WhatsAppApi = (call: WhatsAppCall) => Promise<JsonObject>;

/** The Graph API at `apiBase` over the egress client, with one token. */
export function createWhatsAppApi(deps: {
  /** Asked for each call: a stopped channel has closed its connections. */
  egress: () => EgressClient;
  apiBase: string;
  version: string;
  token: string;
}): WhatsAppApi {
  const base = `${deps.apiBase.replace(/\/+$/, '')}/${deps.version}`;
  const hide = (text: string): string => text.replaceAll(deps.token, '<token>');
  return async (call) => {
    const { method, path, action, signal, timeoutMs } = call;
    let status: number;
    let headers: Readonly<Record<string, string>>;
    let text: string;
    const content = contentOf(call);
    try {
      const response = await deps.egress().request({
        url: `${base}/${path}`,
        method,
        headers: {
          authorization: `Bearer ${deps.token}`,
          ...(content === undefined ? {} : { 'content-type': content.contentType }),
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
      const why = error instanceof Error ? error.message : 'no connection';
      throw new WhatsAppApiError(`WhatsApp did not answer ${action}: ${hide(why)}`, {
        httpStatus: 0,
        mayHaveArrived: mayHaveArrived(error),
      });
    }
    const answer = tryParseJson(text);
    const refused = refusal.safeParse(answer);
    if (status < 300 && isJsonObject(answer) && !refused.success) return answer;
    const error = refused.data?.error;
    const shown =
      error === undefined
        ? `status ${status} and no readable reason`
        : visibleLine(describeError(error), longestReason);
    throw new WhatsAppApiError(`WhatsApp refused ${action}: ${hide(shown)}`, {
      errorCode: error?.code,
      httpStatus: status,
      retryAfterMs: readRetryAfter(headers['retry-after']),
      isTransient: error?.is_transient === true,
      mayHaveArrived:
        (status >= 500 && !notTaken.has(error?.code ?? Number.NaN)) || (status < 300 && error === undefined),
    });
  };
}

function contentOf({ body, form }: Pick<WhatsAppCall, 'body' | 'form'>) {
  if (form !== undefined) return multipartForm(form.fields, form.file);
  return body === undefined ? undefined : { contentType: 'application/json', body: JSON.stringify(body) };
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
