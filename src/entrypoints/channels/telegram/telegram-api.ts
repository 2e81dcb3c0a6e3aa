import { z } from 'zod';
import { AppError, tryParseJson, type Json, type JsonObject } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import { mayHaveArrived } from '../may-have-arrived.ts';
import { multipartForm, type FormFile } from '../multipart.ts';

const maxAnswerBytes = 20_000_000;

const answerSchema = z.object({
  ok: z.boolean(),
  result: z.json().optional(),
  error_code: z.number().optional(),
  description: z.string().optional(),
  parameters: z
    .object({
      retry_after: z.number().nonnegative().optional().catch(undefined),
      migrate_to_chat_id: z.int().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

/** A call that Telegram refused or that got no readable answer. The bot token is in none of its texts. */
export class TelegramApiError extends AppError {
  /** HTTP-like code of the refusal; 0 when there was no answer. */
  readonly errorCode: number;
  readonly retryAfterMs: number | undefined;
  /** The id that the group has now. */
  readonly migratedTo: string | undefined;
  /** Without an answer: may the call have reached Telegram? */
  readonly mayHaveArrived: boolean;

  constructor(
    message: string,
    options: {
      errorCode: number;
      retryAfterMs?: number | undefined;
      migratedTo?: string | undefined;
      mayHaveArrived?: boolean;
    },
  ) {
    super('upstream_error', message);
    this.name = 'TelegramApiError';
    this.errorCode = options.errorCode;
    this.retryAfterMs = options.retryAfterMs;
    this.migratedTo = options.migratedTo;
    this.mayHaveArrived = options.mayHaveArrived ?? false;
  }
}

/** Calls one method of the Bot API and returns its result. Throws `TelegramApiError`, or the reason of its signal. */
export type TelegramApi = (
  method: string,
  parameters: JsonObject,
  options: { signal: AbortSignal; timeoutMs: number; file?: FormFile },
) => Promise<Json>;

/** The Bot API at `apiBase` over the egress client. */
export function createTelegramApi(deps: {
  /** Asked for each call: a stopped channel has closed its connections. */
  egress: () => EgressClient;
  apiBase: string;
  token: string;
}): TelegramApi {
  const base = deps.apiBase.replace(/\/+$/, '');
  const hide = (text: string): string => text.replaceAll(deps.token, '<token>');
  return async (method, parameters, { signal, timeoutMs, file }) => {
    let status: number;
    let text: string;
    try {
      const response = await deps.egress().request({
        url: `${base}/bot${deps.token}/${method}`,
        method: 'POST',
        ...contentOf(parameters, file),
        signal,
        headersTimeoutMs: timeoutMs,
        idleTimeoutMs: timeoutMs,
      });
      status = response.status;
      text = await readText(response.body);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new TelegramApiError(`Telegram did not answer ${method}: ${hide(messageOf(error))}`, {
        errorCode: 0,
        mayHaveArrived: mayHaveArrived(error),
      });
    }
    const answer = answerSchema.safeParse(tryParseJson(text));
    if (!answer.success) {
      throw new TelegramApiError(`Telegram answered ${method} with status ${status} and no readable body`, {
        errorCode: status >= 400 ? status : 502,
      });
    }
    const { ok, result, error_code: code, description, parameters: hints } = answer.data;
    if (ok) return result ?? null;
    const migratedTo = hints?.migrate_to_chat_id;
    throw new TelegramApiError(`Telegram refused ${method}: ${hide(description ?? `status ${status}`)}`, {
      errorCode: code ?? status,
      migratedTo: migratedTo === undefined ? undefined : String(migratedTo),
      retryAfterMs: hints?.retry_after === undefined ? undefined : hints.retry_after * 1000,
    });
  };
}

function contentOf(parameters: JsonObject, file: FormFile | undefined) {
  if (file === undefined)
    return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(parameters) };
  const fields = Object.entries(parameters).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const { contentType, body } = multipartForm(Object.fromEntries(fields) as Record<string, string>, file);
  return { headers: { 'content-type': contentType }, body };
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
