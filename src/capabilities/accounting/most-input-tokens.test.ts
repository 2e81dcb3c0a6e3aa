import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/index.ts';
import { mostInputTokens } from './most-input-tokens.ts';

const most = (request: JsonObject): number =>
  mostInputTokens(request, Buffer.byteLength(JSON.stringify(request)));
const asks = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });
const plain = (text: string): number => most({ messages: [{ role: 'user', content: text }] });

describe('the most input tokens of a request', () => {
  it('are its bytes, and a little for what is written around it', () => {
    expect(plain('ж'.repeat(1000)) - plain('')).toBe(2000);
    expect(plain('')).toBeLessThan(150);
  });

  const url = `data:image/png;base64,${'A'.repeat(1_000_000)}`;
  it.each<[string, JsonObject]>([
    ['of chat completions', asks({ type: 'image_url', image_url: { url } })],
    ['by its address', asks({ type: 'image_url', image_url: { url: 'https://x.example/a.png' } })],
    ['with a bare address', asks({ type: 'image_url', image_url: url })],
    ['of responses', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }] }],
    [
      'of Anthropic',
      asks({
        type: 'image',
        source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(1_000_000) },
      }),
    ],
    [
      'in the result of a tool',
      asks({ type: 'tool_result', content: [{ type: 'image', source: { type: 'url', url: 'https://x' } }] }),
    ],
    ['in our own form', { messages: [{ role: 'user', content: '', parts: [{ type: 'image', url }] }] }],
    ['of a screen', { input: [{ type: 'computer_call_output', output: { type: 'computer_screenshot' } }] }],
  ])('count an image with a high number, not by its letters: %s', (_, request) => {
    expect(most(request)).toBeGreaterThan(50_000);
    expect(most(request)).toBeLessThan(50_500);
  });

  it('count each image', () => {
    const image = { type: 'image_url', image_url: { url: 'https://x.example/a.png' } };
    expect(most(asks(image, image, image))).toBeGreaterThan(150_000);
  });

  it('count letters that only pretend to be an image', () => {
    const text = `data:image/png;base64,${'ж '.repeat(10_000)}`;
    const pretended = { type: 'image_url', image_url: { url: text } };
    expect(most(asks({ type: 'text', text }))).toBeGreaterThan(30_000);
    expect(
      most({ messages: [], tools: [{ type: 'function', function: { parameters: pretended } }] }),
    ).toBeGreaterThan(30_000);
    const page = { type: 'image_url', image_url: { url: `data:text/plain,${'ж '.repeat(10_000)}` } };
    expect(most(asks(page))).toBeGreaterThan(80_000);
  });

  it.each<[string, JsonObject]>([
    ['a file', asks({ type: 'file', file: { file_id: 'file-1' } })],
    ['a document at an address', asks({ type: 'document', source: { type: 'url', url: 'https://x/a.pdf' } })],
    ['a video', asks({ type: 'video_url', video_url: { url: 'https://x/a.mp4' } })],
    ['a conversation that the service keeps', { input: 'go on', previous_response_id: 'resp_1' }],
    ['a prompt that the service keeps', { input: 'go on', prompt: { id: 'pmpt_1' } }],
    ['a tool of the service', { input: 'x', tools: [{ type: 'web_search' }] }],
    ['a search', { messages: [], web_search_options: {} }],
  ])('leave room for what nobody sees here: %s', (_, request) => {
    expect(most(request)).toBeGreaterThan(300_000);
  });

  it.each<[string, JsonObject]>([
    ['a function', { messages: [], tools: [{ type: 'function', function: { name: 'f' } }] }],
    ['a function of Anthropic', { messages: [], tools: [{ name: 'f', input_schema: {} }] }],
    ['a text as document', asks({ type: 'document', source: { type: 'text', data: 'abc' } })],
    ['sound', asks({ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } })],
    ['a prompt as text', { prompt: 'Once upon' }],
  ])('need no such room for what stands in the request: %s', (_, request) => {
    expect(most(request)).toBeLessThan(1500);
  });
});
