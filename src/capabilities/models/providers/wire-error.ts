import { AppError, type JsonObject } from '../../../base/index.ts';
import type { WireShape } from '../provider.ts';

/** An error as the last event of a stream in a wire shape. */
export function wireErrorEvent(shape: WireShape, error: AppError): string {
  const { code, message } = error;
  if (shape === 'anthropic-messages') {
    const type =
      code === 'rate_limited' ? 'rate_limit_error' : code === 'timeout' ? 'timeout_error' : 'api_error';
    return `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type, message } })}\n\n`;
  }
  if (shape === 'openai-responses')
    return `event: error\ndata: ${JSON.stringify({ type: 'error', code, message, param: null })}\n\n`;
  const body: JsonObject = { error: { message, type: 'server_error', param: null, code } };
  return `data: ${JSON.stringify(body)}\n\n`;
}

/** What broke an answer that had begun, as one of our errors. */
export function brokenAnswer(who: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  if ((error as { code?: unknown } | undefined)?.code === 'UND_ERR_BODY_TIMEOUT')
    return new AppError('timeout', `${who} fell silent in the middle of its answer.`, { cause: error });
  return new AppError('upstream_error', `${who} cut its answer off.`, { cause: error });
}
