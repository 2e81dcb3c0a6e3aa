import type { ServerResponse } from 'node:http';

/** Parameters of a call, unread. */
export type TelegramParameters = Readonly<Record<string, unknown>>;

/** What a call is answered with. */
export type TelegramAnswer =
  | { readonly result: unknown }
  | {
      readonly status: number;
      readonly description: string;
      readonly retryAfter?: number;
      readonly migratedTo?: number;
    };

/** Answers a call. */
export function replyTo(response: ServerResponse, answer: TelegramAnswer): void {
  if (response.destroyed) return;
  const body =
    'result' in answer
      ? { ok: true, result: answer.result }
      : {
          ok: false,
          error_code: answer.status,
          description: answer.description,
          ...parametersOf(answer),
        };
  response.writeHead('result' in answer ? 200 : answer.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function parametersOf({ retryAfter, migratedTo }: { retryAfter?: number; migratedTo?: number }): object {
  if (migratedTo !== undefined) return { parameters: { migrate_to_chat_id: migratedTo } };
  return retryAfter === undefined ? {} : { parameters: { retry_after: retryAfter } };
}
