import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../protocol/index.ts';
import type { ForwardRequest, ModelRequest } from '../provider.ts';
import { adaptWire } from './adapt-wire.ts';
import { toOpenAIRequest } from './openai-request.ts';
import { readOpenAIUsage } from './openai-usage.ts';
import { presetOf, providerPresets } from './provider-presets.ts';

const clock = { name: 'clock', description: 'Tells the time.', parameters: { type: 'object' } };
const mark = { type: 'ephemeral' } as const;
const png = 'data:image/png;base64,AA==';
const round: readonly ChatMessage[] = [
  { role: 'system', content: 'Be brief.', cacheControl: mark },
  { role: 'user', content: 'Earlier', name: 'ann' },
  { role: 'assistant', content: 'Yes.', reasoning: 'old thought' },
  { role: 'user', content: 'What time is it?' },
  {
    role: 'assistant',
    content: '',
    reasoning: 'new thought',
    providerData: { openai: { reasoning_details: [{ type: 'reasoning.encrypted', data: 'x' }] } },
    toolCalls: [
      { id: 'call_1', name: 'clock', arguments: {} },
      { id: 'call_2', name: 'clock', arguments: {} },
    ],
  },
  {
    role: 'tool',
    toolCallId: 'call_1',
    name: 'clock',
    content: '12:00',
    parts: [{ type: 'image', url: png }],
  },
  { role: 'tool', toolCallId: 'call_2', name: 'clock', content: '13:00' },
];
const request: ModelRequest = { model: 'm', messages: round, tools: [clock] };
const messagesOf = (kind: string) =>
  toOpenAIRequest(request, presetOf(kind)?.quirks ?? {})['messages'] as readonly Record<string, unknown>[];

describe('a request to an OpenAI-compatible server', () => {
  it('leaves out what strict servers refuse: marks, thinking, details', () => {
    const text = JSON.stringify(toOpenAIRequest(request, {}));
    for (const word of ['cache_control', 'thought', 'reasoning', 'encrypted'])
      expect(text).not.toContain(word);
    expect(text).toContain('"name":"ann"');
  });

  it('keeps the results of one round together and hands their pictures on after them', () => {
    const roles = messagesOf('xai').map((message) => message['role']);
    expect(roles.slice(-4)).toEqual(['assistant', 'tool', 'tool', 'user']);
    expect(messagesOf('xai').at(-1)).toMatchObject({
      content: [{ type: 'image_url', image_url: { url: png } }],
    });
  });

  it('loses no picture of a round that is over', () => {
    const messages: readonly ChatMessage[] = [...round, { role: 'assistant', content: 'Noon.' }];
    const body = toOpenAIRequest({ ...request, messages }, {});
    const sent = body['messages'] as readonly Record<string, unknown>[];
    expect(sent.slice(-3).map((message) => message['role'])).toEqual(['tool', 'user', 'assistant']);
    expect(JSON.stringify(sent)).toContain(png);
  });

  it('gives OpenRouter marks in parts, details, and the thinking of this round', () => {
    const messages = messagesOf('openrouter');
    expect(messages[0]).toEqual({
      role: 'system',
      content: [{ type: 'text', text: 'Be brief.', cache_control: mark }],
    });
    expect(messages[2]).not.toHaveProperty('reasoning');
    expect(messages[4]).toMatchObject({
      reasoning: 'new thought',
      reasoning_details: [{ type: 'reasoning.encrypted', data: 'x' }],
    });
  });

  it('gives DeepSeek the thinking of this round, and asks it for any JSON', () => {
    expect(messagesOf('deepseek')[4]).toMatchObject({ reasoning_content: 'new thought' });
    expect(messagesOf('deepseek')[2]).not.toHaveProperty('reasoning_content');
    const format = { type: 'json', schema: { type: 'object' } } as const;
    const body = toOpenAIRequest({ ...request, responseFormat: format }, providerPresets.deepseek.quirks);
    expect(body['response_format']).toEqual({ type: 'json_object' });
  });

  it('gives Mistral ids of nine characters, the same for call and result, and no names', () => {
    const [, user, , , assistant, first] = messagesOf('mistral');
    const [call] = (assistant?.['tool_calls'] ?? []) as readonly { id: string }[];
    expect(call?.id).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(first?.['tool_call_id']).toBe(call?.id);
    expect(user).not.toHaveProperty('name');
  });

  it('renames and leaves out fields as the service wants it', () => {
    const extra = { user: 'ann', top_logprobs: 2, store: true, safe_prompt: true, max_completion_tokens: 9 };
    const body = toOpenAIRequest(
      { ...request, extra, settings: { seed: 3 } },
      providerPresets.mistral.quirks,
    );
    expect(body).toMatchObject({ random_seed: 3, safe_prompt: true, max_tokens: 9 });
    for (const name of ['seed', 'user', 'top_logprobs', 'store', 'max_completion_tokens'])
      expect(body).not.toHaveProperty(name);
  });

  it('sends fields of its own through, but never over messages and tools', () => {
    const extra = {
      parallel_tool_calls: false,
      prompt_cache_key: 'k',
      logprobs: true,
      messages: [],
      model: 'x',
    };
    const body = toOpenAIRequest({ ...request, extra, toolChoice: { name: 'clock' } }, {});
    expect(body).toMatchObject({
      model: 'm',
      parallel_tool_calls: false,
      prompt_cache_key: 'k',
      logprobs: true,
      tool_choice: { type: 'function', function: { name: 'clock' } },
    });
    expect(body['messages']).toHaveLength(8);
  });
});

describe('a request that is sent on as bytes', () => {
  const wireOf = (json: Record<string, unknown>): ForwardRequest => ({
    wire: { shape: 'openai-chat', json: json as never, body: Buffer.from(JSON.stringify(json)) },
    model: 'm',
    stream: false,
    params: {},
    overrides: {},
  });

  it('stays as it is where the server takes it', () => {
    const asked = wireOf({ model: 'm', messages: [{ role: 'user', content: 'hi' }], seed: 1 });
    expect(adaptWire(asked, {})).toBe(asked);
    const plain = wireOf({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
    for (const kind of Object.keys(providerPresets))
      expect(adaptWire(plain, presetOf(kind)?.quirks ?? {}), kind).toBe(plain);
  });

  it('loses what the server refuses', () => {
    const asked = wireOf({
      model: 'm',
      seed: 1,
      store: true,
      messages: [
        { role: 'user', content: 'hi', name: 'ann' },
        { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function' }] },
        { role: 'tool', tool_call_id: 'call_1', content: 'x' },
      ],
    });
    const { wire } = adaptWire(asked, providerPresets.mistral.quirks);
    const sent = JSON.parse(Buffer.from(wire.body).toString()) as Record<string, unknown>;
    expect(sent).toEqual(wire.json);
    expect(sent).toMatchObject({ random_seed: 1 });
    expect(sent).not.toHaveProperty('store');
    expect(JSON.stringify(sent)).not.toMatch(/call_1|ann/);
  });
});

describe('usage in the words of', () => {
  it.each([
    [
      'OpenAI',
      {
        prompt_tokens: 9,
        completion_tokens: 5,
        total_tokens: 14,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
      [9, 4, undefined, 5, 2],
    ],
    [
      'DeepSeek',
      { prompt_tokens: 9, completion_tokens: 5, prompt_cache_hit_tokens: 3 },
      [9, 3, undefined, 5, undefined],
    ],
    [
      'xAI, which counts thinking apart',
      {
        prompt_tokens: 9,
        completion_tokens: 5,
        total_tokens: 21,
        completion_tokens_details: { reasoning_tokens: 7 },
      },
      [9, undefined, undefined, 12, 7],
    ],
    [
      'a proxy to Anthropic',
      { prompt_tokens: 9, completion_tokens: 5, cache_creation_input_tokens: 6, cache_read_input_tokens: 2 },
      [9, 2, 6, 5, undefined],
    ],
  ])('%s', (_who, raw, expected) => {
    const { inputTokens, outputTokens } = readOpenAIUsage(raw);
    expect([
      inputTokens.total,
      inputTokens.cacheRead,
      inputTokens.cacheWrite,
      outputTokens.total,
      outputTokens.reasoning,
    ]).toEqual(expected);
  });
});
