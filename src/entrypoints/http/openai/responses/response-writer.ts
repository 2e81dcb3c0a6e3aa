import type { AppError, Clock, JsonObject } from '../../../../base/index.ts';
import type { ToolCall } from '../../../../protocol/index.ts';
import type { AnswerPart } from '../../gateway-door/sound-parts.ts';
import {
  incompleteReason,
  responseErrorCode,
  responseObject,
  type ResponseHead,
  type ResponseState,
} from './response-object.ts';

interface OpenItem {
  readonly kind: 'message' | 'reasoning';
  readonly id: string;
  readonly index: number;
  text: string;
}

/** Turns the parts of an answer into the items of a response and into the events that tell of them, in order. */
export class ResponseWriter {
  readonly #head: ResponseHead;
  readonly #clock: Clock;
  readonly #output: JsonObject[] = [];
  #open: OpenItem | undefined;
  #sequence = 0;
  #state: ResponseState = { status: 'in_progress', output: [] };

  constructor(head: ResponseHead, clock: Clock) {
    this.#head = head;
    this.#clock = clock;
  }

  /** The response as it stands now. */
  get response(): JsonObject {
    return responseObject(this.#head, { ...this.#state, output: [...this.#output] });
  }

  first(): string {
    const { response } = this;
    return this.#event('response.created', { response }) + this.#event('response.in_progress', { response });
  }

  of(part: AnswerPart): string {
    switch (part.type) {
      case 'text-delta': {
        const item = this.#openItem('message');
        item.open.text += part.text;
        return (
          item.events +
          this.#event('response.output_text.delta', {
            ...this.#place(item.open),
            content_index: 0,
            delta: part.text,
            logprobs: [],
          })
        );
      }
      case 'reasoning-delta': {
        const item = this.#openItem('reasoning');
        item.open.text += part.text;
        return (
          item.events +
          this.#event('response.reasoning_summary_text.delta', {
            ...this.#place(item.open),
            summary_index: 0,
            delta: part.text,
          })
        );
      }
      case 'tool-call':
        return this.#close('completed') + this.#call(part.call);
      case 'finish':
      default: {
        const incomplete = incompleteReason(part.finishReason);
        const status = incomplete === undefined ? 'completed' : 'incomplete';
        const events = this.#close(status);
        this.#state = {
          status,
          output: this.#output,
          usage: part.usage,
          completedAt: Math.floor(this.#clock.now() / 1000),
          ...(incomplete === undefined ? {} : { incomplete }),
        };
        return events;
      }
    }
  }

  /** Told when the response is complete and, where that was asked for, stored. */
  last(): string {
    return this.#event(`response.${this.#state.status}`, { response: this.response });
  }

  failed(error: AppError): string {
    const events = this.#close('incomplete');
    const told = { code: responseErrorCode(error), message: error.message };
    this.#state = { status: 'failed', output: this.#output, error: told };
    return (
      events +
      this.#event('error', { ...told, param: null }) +
      this.#event('response.failed', { response: this.response })
    );
  }

  #event(type: string, fields: JsonObject): string {
    const data = JSON.stringify({ type, sequence_number: this.#sequence, ...fields });
    this.#sequence += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  }

  #itemId(prefix: 'msg' | 'rs' | 'fc'): string {
    return `${prefix}_${this.#head.id.replace(/^resp_/, '')}_${this.#output.length}`;
  }

  #place({ id, index }: OpenItem): JsonObject {
    return { item_id: id, output_index: index };
  }

  /** The item that text of a kind belongs to; another one is ended first. */
  #openItem(kind: OpenItem['kind']): { readonly open: OpenItem; readonly events: string } {
    if (this.#open?.kind === kind) return { open: this.#open, events: '' };
    const before = this.#close('completed');
    const id = this.#itemId(kind === 'message' ? 'msg' : 'rs');
    const open: OpenItem = { kind, id, index: this.#output.length, text: '' };
    this.#open = open;
    const place = this.#place(open);
    const begun =
      kind === 'message'
        ? this.#event('response.output_item.added', {
            output_index: open.index,
            item: { id, type: 'message', status: 'in_progress', role: 'assistant', content: [] },
          }) +
          this.#event('response.content_part.added', {
            ...place,
            content_index: 0,
            part: { type: 'output_text', text: '', annotations: [], logprobs: [] },
          })
        : this.#event('response.output_item.added', {
            output_index: open.index,
            item: { id, type: 'reasoning', summary: [] },
          }) +
          this.#event('response.reasoning_summary_part.added', {
            ...place,
            summary_index: 0,
            part: { type: 'summary_text', text: '' },
          });
    return { open, events: before + begun };
  }

  #close(status: 'completed' | 'incomplete'): string {
    const open = this.#open;
    if (open === undefined) return '';
    this.#open = undefined;
    const place = this.#place(open);
    const { id, text, index } = open;
    if (open.kind === 'message') {
      const part = { type: 'output_text', text, annotations: [], logprobs: [] };
      const item = { id, type: 'message', status, role: 'assistant', content: [part] };
      this.#output.push(item);
      return (
        this.#event('response.output_text.done', { ...place, content_index: 0, text, logprobs: [] }) +
        this.#event('response.content_part.done', { ...place, content_index: 0, part }) +
        this.#event('response.output_item.done', { output_index: index, item })
      );
    }
    const part = { type: 'summary_text', text };
    const item = { id, type: 'reasoning', summary: [part] };
    this.#output.push(item);
    return (
      this.#event('response.reasoning_summary_text.done', { ...place, summary_index: 0, text }) +
      this.#event('response.reasoning_summary_part.done', { ...place, summary_index: 0, part }) +
      this.#event('response.output_item.done', { output_index: index, item })
    );
  }

  #call(call: ToolCall): string {
    const id = this.#itemId('fc');
    const index = this.#output.length;
    const given = call.invalidArguments ?? JSON.stringify(call.arguments);
    const item = { id, type: 'function_call', call_id: call.id, name: call.name };
    const done = { ...item, status: 'completed', arguments: given };
    this.#output.push(done);
    const place = { item_id: id, output_index: index };
    return (
      this.#event('response.output_item.added', {
        output_index: index,
        item: { ...item, status: 'in_progress', arguments: '' },
      }) +
      this.#event('response.function_call_arguments.delta', { ...place, delta: given }) +
      this.#event('response.function_call_arguments.done', { ...place, name: call.name, arguments: given }) +
      this.#event('response.output_item.done', { output_index: index, item: done })
    );
  }
}
