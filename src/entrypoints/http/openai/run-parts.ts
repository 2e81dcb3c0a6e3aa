import { fromSerializedError, type Json } from '../../../base/index.ts';
import type { ModelEvent, ModelResponse } from '../../../capabilities/models/index.ts';
import type { AgentResponse, StoredRunEvent } from '../../../protocol/index.ts';
import { outputOf } from '../run-answer.ts';

function asText(output: Json): string {
  return typeof output === 'string' ? output : (outputOf(output).text ?? '');
}

/** The end of a run as a model's answer. */
export function responseOfRun(response: AgentResponse): Omit<ModelResponse, 'model'> {
  const { toolCalls = [], finishReason = 'stop' } = outputOf(response.output);
  return { text: response.text, toolCalls, finishReason, usage: response.usage };
}

/** The events of a run as the parts of a streamed answer. Calls of the agent's own tools are not the caller's business. */
export async function* partsOfRun(events: AsyncIterable<StoredRunEvent>): AsyncGenerator<ModelEvent> {
  let lastStep: string | undefined;
  let lastText = '';
  for await (const { event } of events) {
    if (event.type === 'text-delta') {
      // Text before and after a tool call are paragraphs of one answer.
      if (lastStep !== undefined && lastStep !== event.step) yield { type: 'text-delta', text: '\n\n' };
      lastText = lastStep === event.step ? lastText + event.text : event.text;
      lastStep = event.step;
      yield { type: 'text-delta', text: event.text };
    } else if (event.type === 'reasoning-delta') {
      yield { type: 'reasoning-delta', text: event.text };
    } else if (event.type === 'run-end') {
      if (event.error !== undefined) {
        yield { type: 'error', error: fromSerializedError(event.error) };
        return;
      }
      const output = event.output ?? null;
      const { toolCalls = [], finishReason = 'stop', model = '' } = outputOf(output);
      const text = asText(output);
      // All of it where nothing was streamed; what a team adds to its lead's words; else it is there already.
      const missing = text.startsWith(lastText) ? text.slice(lastText.length) : '';
      if (missing !== '') yield { type: 'text-delta', text: missing };
      for (const call of toolCalls) yield { type: 'tool-call', call };
      yield { type: 'finish', finishReason, usage: event.usage, model };
    }
  }
}
