import { describe, expect, it } from 'vitest';
import type { Json } from '../base/index.ts';
import { chatMessagesOf, openAiMessagesOf, type ChatMessage } from './index.ts';

const call = { id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } };

describe('chatMessagesOf', () => {
  it('converts a conversation with tools, reasoning and images', () => {
    expect(
      chatMessagesOf([
        { role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] },
        {
          role: 'user',
          name: 'ann',
          content: [
            { type: 'text', text: 'what is this' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'low' } },
            { type: 'file', file: { file_data: 'data:application/pdf;base64,AA', filename: 'a.pdf' } },
          ],
        },
        { role: 'assistant', content: null, reasoning_content: 'hm', tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c1', content: [{ type: 'text', text: '2' }] },
        { role: 'assistant', content: '2', refusal: null },
      ]),
    ).toEqual([
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        name: 'ann',
        content: [
          { type: 'text', text: 'what is this' },
          { type: 'image', url: 'data:image/png;base64,AA', detail: 'low' },
          { type: 'file', url: 'data:application/pdf;base64,AA', mimeType: 'application/pdf', name: 'a.pdf' },
        ],
      },
      {
        role: 'assistant',
        content: '',
        reasoning: 'hm',
        toolCalls: [{ id: 'c1', name: 'add', arguments: { a: 1 } }],
      },
      { role: 'tool', toolCallId: 'c1', name: 'add', content: '2' },
      { role: 'assistant', content: '2' },
    ]);
  });

  it('keeps arguments that are no JSON object as they came', () => {
    const broken = { ...call, function: { name: 'add', arguments: '{"a":' } };
    expect(chatMessagesOf([{ role: 'assistant', content: null, tool_calls: [broken] }])[0]).toMatchObject({
      toolCalls: [{ arguments: {}, invalidArguments: '{"a":' }],
    });
  });

  it.each<[string, Json]>([
    ['messages.0', 'hello'],
    ['messages.0.role', { role: 'bot', content: 'x' }],
    ['messages.0.content', { role: 'user', content: null }],
    ['messages.0.content.0', { role: 'user', content: [{ type: 'input_audio' }] }],
    ['messages.0.content.0', { role: 'system', content: [{ type: 'image_url' }] }],
    ['messages.0.tool_call_id', { role: 'tool', content: 'x' }],
    ['messages.0.tool_call_id', { role: 'tool', content: 'x', tool_call_id: 'unknown' }],
    ['messages.0.tool_calls.0', { role: 'assistant', tool_calls: [{ id: 'x' }] }],
  ])('names the field %s when it is wrong', (path, message) => {
    expect(() => chatMessagesOf([message])).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        details: { issues: [expect.objectContaining({ path })] },
      }) as Error,
    );
  });
});

it('splits a system message at its cache marks', () => {
  const mark = { type: 'ephemeral', ttl: '1h' } as const;
  const text = (words: string) => ({ type: 'text', text: words });
  expect(
    chatMessagesOf([
      {
        role: 'system',
        content: [text('a'), { ...text('b'), cache_control: mark }, text('c')],
      },
    ]),
  ).toEqual([
    { role: 'system', content: 'a\nb', cacheControl: mark },
    { role: 'system', content: 'c' },
  ]);
});

it('messages come back from the form of OpenAI as they were', () => {
  const mark = { type: 'ephemeral' } as const;
  const messages: readonly ChatMessage[] = [
    { role: 'system', content: 'Be brief.', cacheControl: mark },
    { role: 'user', content: 'hi', name: 'ann' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'look' },
        { type: 'image', url: 'https://example.org/a.png', detail: 'high', cacheControl: mark },
        { type: 'file', url: 'data:audio/mpeg;base64,AA', mimeType: 'audio/mpeg' },
        { type: 'file', url: 'https://example.org/a.mp4', mimeType: 'video/mp4' },
        { type: 'file', url: 'data:application/pdf;base64,AA', mimeType: 'application/pdf', name: 'a.pdf' },
      ],
    },
    {
      role: 'assistant',
      content: '',
      name: 'desk',
      reasoning: 'hm',
      reasoningParts: [
        { text: 'hm', providerData: { anthropic: { signature: 's' } } },
        { text: '', providerData: { anthropic: { redactedData: 'r' } } },
      ],
      providerData: { openai: { reasoning_details: [{ type: 'reasoning.encrypted', data: 'x' }] } },
      toolCalls: [
        {
          id: 'c1',
          name: 'add',
          arguments: { a: 1 },
          providerData: { google: { thoughtSignature: 't' } },
        },
        { id: 'c2', name: 'add', arguments: {}, invalidArguments: '{"a":' },
      ],
    },
    {
      role: 'tool',
      toolCallId: 'c1',
      name: 'add',
      content: '2',
      parts: [{ type: 'image', url: 'https://example.org/b.png' }],
      cacheControl: mark,
    },
    { role: 'assistant', content: 'two' },
  ];
  expect(chatMessagesOf(openAiMessagesOf(messages))).toEqual(messages);
});
