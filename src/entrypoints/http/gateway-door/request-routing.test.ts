import type { FastifyRequest } from 'fastify';
import { expect, it } from 'vitest';
import type { JsonObject } from '../../../base/index.ts';
import { readRouting } from './request-routing.ts';

const read = (headers: Record<string, string>, json: JsonObject = { model: 'chat' }) =>
  readRouting({ headers, scope: { tenant: 't', principal: 'p', scopes: [] } } as unknown as FastifyRequest, {
    json,
    bytes: Buffer.from(JSON.stringify(json)),
  });

it('reads the headers that clients of LiteLLM send', () => {
  const headers = {
    'x-litellm-tags': 'paid, eu',
    'x-litellm-num-retries': '3',
    'x-litellm-timeout': '1.5',
  };
  expect(read(headers)).toMatchObject({ tags: ['paid', 'eu'], routing: { numRetries: 3, timeoutMs: 1500 } });
  // What the body says stands above them, and nonsense is left aside.
  expect(read(headers, { model: 'chat', num_retries: 0 }).routing).toEqual({
    numRetries: 0,
    timeoutMs: 1500,
  });
  expect(read({ 'x-litellm-timeout': '-1', 'x-litellm-num-retries': 'x' }).routing).toEqual({});
  expect(read({ 'x-a33-tags': 'ours', 'x-litellm-tags': 'theirs' }).tags).toEqual(['ours']);
});
