import type { DoorShape } from '../gateway-door/door-shape.ts';
import { completionBody, createChunks, type CompletionHead } from './completion.ts';
import { toOpenAIError } from './openai-error.ts';

/** Data of an event as it is sent. */
export const sseData = (data: string): string => `data: ${data}\n\n`;

/** `POST /v1/chat/completions` where an upstream of another shape answers. */
export function chatShape(head: Omit<CompletionHead, 'offline'>, includeUsage: boolean): DoorShape {
  return {
    streamType: 'text/event-stream; charset=utf-8',
    keepAlive: ': keep-alive\n\n',
    whole: (response, { offline }) => completionBody({ ...head, offline }, response),
    frames: ({ offline }) => {
      const chunks = createChunks({ ...head, offline }, includeUsage);
      return {
        begin: () => sseData(chunks.first()),
        of: (event) => chunks.of(event).map(sseData).join(''),
      };
    },
    errorFrame: (error) => sseData(JSON.stringify(toOpenAIError(error))),
  };
}
