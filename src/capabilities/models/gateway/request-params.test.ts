import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../base/index.ts';
import { withParams } from './request-params.ts';

const asked = (extra?: JsonObject) => ({
  messages: [{ role: 'user' as const, content: 'hi' }],
  ...(extra === undefined ? {} : { extra }),
});

describe('a request with parameters under it', () => {
  it('keeps what it says itself', () => {
    const request = { ...asked({ top_k: 1 }), settings: { temperature: 1 } };
    expect(withParams(request, { temperature: 0, seed: 7, top_k: 5, min_p: 0.1 }, undefined)).toMatchObject({
      settings: { temperature: 1, seed: 7 },
      extra: { top_k: 1, min_p: 0.1 },
    });
    expect(withParams(asked(), {}, undefined)).toEqual(asked());
  });

  it('does not let parameters choose the form of the answer', () => {
    expect(withParams(asked(), { stream: true, stream_options: {} }, undefined)).toEqual(asked());
  });

  it('asks for no more output than was reserved, by whatever name', () => {
    const extra = {
      max_completion_tokens: 9000,
      max_output_tokens: -1,
      max_new_tokens: 5,
      candidateCount: 8,
      generationConfig: { maxOutputTokens: 9000, candidateCount: 4, topK: 3 },
      options: { num_predict: -2, num_ctx: 4096 },
      additionalModelRequestFields: { inferenceConfig: { max_new_tokens: 9000 } },
    };
    const bounded = withParams(asked(extra), { maxTokens: 9000, max_gen_len: 9000 }, 300);
    expect(bounded.settings).toEqual({ maxTokens: 300 });
    expect(bounded.extra).toEqual({
      max_gen_len: 300,
      max_completion_tokens: 300,
      max_output_tokens: 300,
      max_new_tokens: 5,
      candidateCount: 1,
      generationConfig: { maxOutputTokens: 300, candidateCount: 1, topK: 3 },
      options: { num_predict: 300, num_ctx: 4096 },
      additionalModelRequestFields: { inferenceConfig: { max_new_tokens: 300 } },
    });
    expect(withParams(asked(extra), {}, undefined)).toEqual(asked(extra));
  });
});
