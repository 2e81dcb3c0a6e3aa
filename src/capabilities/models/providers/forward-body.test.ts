import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../base/index.ts';
import type { ForwardRequest, WireShape } from '../provider.ts';
import { forwardBody } from './forward-body.ts';

function sent(
  text: string,
  more: Partial<ForwardRequest> & { shape?: WireShape } = {},
  dialect?: Parameters<typeof forwardBody>[1],
): string {
  const { shape = 'openai-chat', ...rest } = more;
  const wire = { shape, body: Buffer.from(text), json: JSON.parse(text) as JsonObject };
  const request = { wire, model: 'm', stream: false, params: {}, overrides: {}, ...rest };
  return forwardBody(request, dialect).toString();
}

describe('a body with a bound of its output', () => {
  const overrides = { max_tokens: 50 };

  it.each([
    ['{"model":"a"}', '{"max_tokens":50,"model":"m"}'],
    ['{"model":"a","max_tokens":90}', '{"model":"m","max_tokens":50}'],
    ['{"model":"a","max_tokens":9}', '{"model":"m","max_tokens":9}'],
    // The first one counts for some parsers.
    ['{"max_tokens":90,"model":"a","max_tokens":9}', '{"max_tokens":9,"model":"m","max_tokens":9}'],
    ['{"model":"a","max_tokens":-1}', '{"model":"m","max_tokens":50}'],
    ['{"model":"a","max_tokens":"9000"}', '{"model":"m","max_tokens":50}'],
    ['{"model":"a","max_completion_tokens":-1}', '{"max_tokens":50,"model":"m","max_completion_tokens":50}'],
    ['{"model":"a","max_tokens":9,"n_predict":-1}', '{"model":"m","max_tokens":9,"n_predict":50}'],
    [
      '{"model":"a","max_tokens":9,"max_completion_tokens":90}',
      '{"model":"m","max_tokens":9,"max_completion_tokens":50}',
    ],
  ])('%s → %s', (before, after) => {
    expect(sent(before, { overrides })).toBe(after);
  });

  it('writes the newer name where the older one is refused', () => {
    expect(
      sent(
        '{"model":"a","max_tokens":90}',
        { overrides, model: 'gpt-5' },
        { limitName: 'max_completion_tokens', renamesLimit: true },
      ),
    ).toBe('{"max_completion_tokens":50,"model":"gpt-5"}');
  });
});

describe('a body with parameters under it', () => {
  it('is not made a stream by them', () => {
    const params = { stream: true, stream_options: { include_usage: true }, seed: 4 };
    expect(sent('{"model":"a"}', { params })).toBe('{"seed":4,"model":"m"}');
  });
});
