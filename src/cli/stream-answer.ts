import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { createColors } from 'picocolors';
import type { ServerEvent } from './api-client.ts';
import { isDecorated, type CliContext } from './cli-context.ts';
import { CliError, errorOfAnswer, exitCodes } from './cli-error.ts';
import { plainText } from './output.ts';
import { startSpinner } from './spinner.ts';

/** The run's event, whether it comes bare or with its place in the run around it. */
function runEventOf({ name, data }: ServerEvent): JsonObject {
  const body = isJsonObject(data) ? data : {};
  const event = isJsonObject(body['event']) ? body['event'] : body;
  return { type: name, ...event };
}

function errorOf(body: JsonObject): CliError | undefined {
  const { error, status } = body;
  if (isJsonObject(error)) {
    return errorOfAnswer(status === 'timeout' ? 504 : 500, { ...error, detail: error['message'] });
  }
  if (status === 'cancelled') return new CliError('the run was cancelled', { exitCode: exitCodes.failed });
  return undefined;
}

/**
 * Prints an answer while it is written and returns the final body, `null` when the stream ends without one. Text goes to
 * standard output, tool calls and members of a team at work to standard error. Throws the run's error when it failed.
 */
export async function streamAnswer(context: CliContext, events: AsyncIterable<ServerEvent>): Promise<Json> {
  const { dim } = createColors(isDecorated(context, context.stderr));
  const stopSpinner = startSpinner(context, 'thinking');
  let atLineStart = true;
  /** What the last step has said: the answer, as far as it was streamed. */
  let last = { step: '', text: '' };
  const finishLine = (): void => {
    if (!atLineStart) context.stdout.write('\n');
    atLineStart = true;
  };
  try {
    for await (const serverEvent of events) {
      const event = runEventOf(serverEvent);
      if (serverEvent.name === 'done' || event['type'] === 'error') {
        const body = isJsonObject(serverEvent.data) ? serverEvent.data : {};
        const failure = errorOf(body) ?? (event['type'] === 'error' ? errorOfAnswer(500, body) : undefined);
        if (failure !== undefined) throw failure;
        const text = body['response'] ?? body['output'];
        stopSpinner();
        if (typeof text === 'string' && text.startsWith(last.text) && text !== last.text) {
          const missing = text.slice(last.text.length);
          context.stdout.write(missing);
          atLineStart = missing.endsWith('\n');
        }
        finishLine();
        return body;
      }
      if (event['type'] === 'text-delta' && typeof event['text'] === 'string') {
        stopSpinner();
        context.stdout.write(event['text']);
        const step = plainText(event['step']);
        last = { step, text: last.step === step ? last.text + event['text'] : event['text'] };
        atLineStart = event['text'].endsWith('\n');
      } else if (event['type'] === 'tool-call' && isJsonObject(event['call'])) {
        stopSpinner();
        finishLine();
        const { name, arguments: input } = event['call'];
        context.stderr.write(dim(`→ ${plainText(name)} ${JSON.stringify(input)}\n`));
      } else if (event['type'] === 'step-start' && event['kind'] === 'run') {
        // Who works in a team; where a lead asked for it, its call has told so already.
        if (plainText(event['step']).startsWith('tool:')) continue;
        stopSpinner();
        finishLine();
        context.stderr.write(dim(`· ${plainText(event['name'])}\n`));
      } else if (event['type'] === 'run-end') {
        const failure = errorOf(event);
        if (failure !== undefined) throw failure;
      }
    }
    finishLine();
    return null;
  } finally {
    stopSpinner();
  }
}
