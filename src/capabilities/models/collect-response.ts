import { AppError } from '../../base/index.ts';
import type { ToolCall } from '../../protocol/index.ts';
import type { ModelEvent, ModelResponse } from './provider.ts';

/** A whole answer from its parts; rejects with the stream's error. */
export async function collectResponse(events: AsyncIterable<ModelEvent>): Promise<ModelResponse> {
  let text = '';
  let reasoning = '';
  const toolCalls: ToolCall[] = [];
  for await (const event of events) {
    switch (event.type) {
      case 'text-delta':
        text += event.text;
        break;
      case 'reasoning-delta':
        reasoning += event.text;
        break;
      case 'tool-call':
        toolCalls.push(event.call);
        break;
      case 'error':
        throw event.error;
      case 'finish': {
        const { type: _type, ...end } = event;
        return { text, toolCalls, ...end, ...(reasoning === '' ? {} : { reasoning }) };
      }
    }
  }
  throw new AppError('upstream_error', 'the answer ended too early');
}
