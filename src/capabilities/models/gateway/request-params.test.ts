import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../base/index.ts';
import { overridden, withParams } from './request-params.ts';

const asked = (extra?: JsonObject) => ({
  messages: [{ role: 'user' as const, content: 'hi' }],
  ...(extra === undefined ? {} : { extra }),
});

describe('a request with parameters under it', () => {
  it('keeps what it says itself', () => {
    const request = { ...asked({ top_k: 1 }), settings: { temperature: 1 } };
    expect(
      withParams(request, {
        params: { temperature: 0, seed: 7, top_k: 5, min_p: 0.1 },
        maxOutputTokens: undefined,
      }),
    ).toMatchObject({
      settings: { temperature: 1, seed: 7 },
      extra: { top_k: 1, min_p: 0.1 },
    });
    expect(withParams(asked(), { params: {}, maxOutputTokens: undefined })).toEqual(asked());
  });

  it('does not let parameters choose the form of the answer', () => {
    expect(
      withParams(asked(), { params: { stream: true, stream_options: {} }, maxOutputTokens: undefined }),
    ).toEqual(asked());
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
    const bounded = withParams(asked(extra), {
      params: { maxTokens: 9000, max_gen_len: 9000 },
      maxOutputTokens: 300,
    });
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
    expect(withParams(asked(extra), { params: {}, maxOutputTokens: undefined })).toEqual(asked(extra));
  });

  it('gives way to overrides, but for the bound', () => {
    const request = { ...asked({ top_k: 1 }), settings: { temperature: 1, maxTokens: 50 } };
    const around = { params: { seed: 7 }, overrides: { temperature: 0, top_k: 9, max_tokens: 900 } };
    expect(withParams(request, { ...around, maxOutputTokens: undefined })).toMatchObject({
      settings: { temperature: 0, seed: 7, maxTokens: 900 },
      extra: { top_k: 9 },
    });
    expect(withParams(request, { ...around, maxOutputTokens: 300 }).settings?.maxTokens).toBe(300);
  });

  it('gives way to overrides as bytes too: one limit is left', () => {
    const json = { model: 'chat', temperature: 1, max_completion_tokens: 50, messages: [] };
    const wire = { shape: 'openai-chat' as const, json, body: Buffer.from(JSON.stringify(json)) };
    expect(overridden(wire, undefined)).toBe(wire);
    const made = overridden(wire, { temperature: 0, max_tokens: 900 });
    expect(made.json).toEqual({ model: 'chat', temperature: 0, max_tokens: 900, messages: [] });
    expect(JSON.parse(Buffer.from(made.body).toString())).toEqual(made.json);
    expect(overridden(wire, { temperature: 0 }).json).toEqual({ ...json, temperature: 0 });
  });
});
