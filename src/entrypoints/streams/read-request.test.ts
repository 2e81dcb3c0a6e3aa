import { describe, expect, it } from 'vitest';
import type { StreamEntry } from '../../platform/bus/index.ts';
import { readRequest } from './read-request.ts';
import { toAgentRequest } from './to-agent-request.ts';

const whole = {
  id: 'e1',
  timestamp: '2026-11-21T10:00:00.123456',
  source: 'slack',
  source_id: 'C1',
  user_id: 'U1',
  user_name: 'Ada',
  content: 'hello',
  attachments: [{ type: 'image', url: 'https://example.com/a.png', size: 3 }],
  agent_id: 'support',
  team_id: null,
  workflow_id: null,
  session_id: 'slack:C1',
  session_state: { language: 'de' },
  reply_stream: 'agent:responses:slack:C1',
  metadata: { channel: 'C1' },
};

const entry = (value: unknown, headers: Readonly<Record<string, string>> = {}): StreamEntry => ({
  id: '1-1',
  body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers,
  attempt: 1,
});

describe('requests of agent:requests', () => {
  it('become the request that every door submits', () => {
    const request = toAgentRequest(readRequest(entry(whole)), { kind: 'agent', name: 'support' });
    expect(request).toMatchObject({
      source: 'slack',
      target: { kind: 'agent', name: 'support' },
      input: { message: 'hello', variables: { language: 'de' } },
      sessionKey: 'slack:C1',
      dedupeKey: 'agent:requests:e1',
      replyTo: { platform: 'slack', streams: ['agent:responses:slack:C1'] },
      attachments: [{ id: 'e1:1', kind: 'image', url: 'https://example.com/a.png', sizeBytes: 3 }],
      metadata: {
        user_id: 'U1',
        event: {
          id: 'e1',
          correlation_id: 'e1',
          timestamp: '2026-11-21T10:00:00.123Z',
          metadata: { channel: 'C1' },
        },
      },
    });
  });

  it.each(Object.keys(whole))(
    'are read or refused with a reason without %s, with null and with much of it',
    (key) => {
      const { [key as keyof typeof whole]: _gone, ...without } = whole;
      const variants = [
        without,
        { ...whole, [key]: null },
        { ...whole, [key]: 'x'.repeat(100_000) },
        { ...whole, [key]: 7 },
        { ...whole, [key]: [{}] },
        { ...whole, [key]: { __proto__: null, constructor: 1 } },
      ];
      for (const variant of variants) {
        try {
          const request = readRequest(entry(variant));
          expect(request.id).not.toBe('');
          toAgentRequest(request, { kind: 'agent', name: 'a' });
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_request' });
        }
      }
    },
  );

  it('have an id, a session and a stream for the answer where their producer names none', () => {
    const { id: _id, session_id: _session, reply_stream: _reply, ...short } = whole;
    expect(readRequest(entry(short, { message_id: 'm1', correlation_id: 'c1' }))).toMatchObject({
      id: 'm1',
      correlationId: 'c1',
      sessionId: 'slack:C1',
      replyStream: 'agent:responses:slack:C1',
    });
    expect(readRequest(entry(short)).id).toBe('entry:1-1');
  });

  it('may have fields of a newer version', () => {
    expect(readRequest(entry({ ...whole, priority: { level: 1 } })).event.content).toBe('hello');
  });

  it('have a mark in place of what no database takes', () => {
    const text = JSON.stringify({ ...whole, content: 'a\u0000b\ud83d' });
    expect(readRequest(entry(text)).event.content).toBe('a\ufffdb\ufffd');
  });

  it.each(['agent:requests', 'agent:dead'])('must not be answered in %s', (stream) => {
    expect(() => readRequest(entry({ ...whole, reply_stream: stream }))).toThrow('no stream for answers');
  });

  it('pass the JSON of their content to a workflow', () => {
    const target = { kind: 'workflow', name: 'w' } as const;
    const input = (content: string) =>
      toAgentRequest(readRequest(entry({ ...whole, content })), target).input;
    expect(input('{"order": 7}')).toEqual({ order: 7 });
    expect(input('seven')).toEqual({ message: 'seven' });
  });
});
