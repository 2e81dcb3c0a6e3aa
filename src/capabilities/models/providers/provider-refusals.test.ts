import { describe, expect, it } from 'vitest';
import { reportedError, statusError, type Upstream } from './provider-error.ts';

const upstream: Upstream = { label: 'It', address: 'https://it', keyHint: 'Check.', secret: 'sk-secret-1' };
const openai = (message: string, code: string | null, type = 'invalid_request_error') => ({
  error: { message, type, param: null, code },
});
const anthropic = (type: string, message: string) => ({ type: 'error', error: { type, message } });
const google = (code: number, status: string, message: string) => ({ error: { code, message, status } });

/** Bodies as the services document them, or as their users report them. */
const cases: readonly (readonly [who: string, status: number, body: unknown, code: string])[] = [
  [
    'OpenAI',
    400,
    openai(
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 173172 tokens.",
      'context_length_exceeded',
    ),
    'context_window_exceeded',
  ],
  [
    'OpenAI, a text that is too long',
    400,
    openai(
      'Invalid: string too long. Expected a string with maximum length 10485760.',
      'string_above_max_length',
    ),
    'context_window_exceeded',
  ],
  [
    'OpenAI, tokens of an input',
    400,
    openai('Input tokens exceed the configured limit of 272000 tokens.', 'context_length_exceeded'),
    'context_window_exceeded',
  ],
  [
    'OpenAI, flagged',
    400,
    openai(
      'Invalid prompt: your prompt was flagged as potentially violating our usage policy.',
      'invalid_prompt',
    ),
    'content_blocked',
  ],
  [
    'OpenAI, safety system',
    400,
    openai('Your request was rejected as a result of our safety system.', 'content_policy_violation'),
    'content_blocked',
  ],
  ['OpenAI, unknown model', 404, openai('The model `x` does not exist', 'model_not_found'), 'model_rejected'],
  [
    'llama.cpp, no embeddings',
    501,
    {
      error: { code: 501, message: 'This server does not support embeddings.', type: 'not_supported_error' },
    },
    'model_rejected',
  ],
  ['OpenAI, wrong key', 401, openai('Incorrect API key provided', 'invalid_api_key'), 'model_rejected'],
  ['OpenAI, no money', 429, openai('You exceeded your current quota', 'insufficient_quota'), 'rate_limited'],
  [
    'Azure, content filter',
    400,
    {
      error: {
        message:
          "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        type: null,
        param: 'prompt',
        code: 'content_filter',
        status: 400,
        innererror: {
          code: 'ResponsibleAIPolicyViolation',
          content_filter_result: { hate: { filtered: true } },
        },
      },
    },
    'content_blocked',
  ],
  [
    'Anthropic',
    400,
    anthropic('invalid_request_error', 'prompt is too long: 200049 tokens > 200000 maximum'),
    'context_window_exceeded',
  ],
  [
    'Anthropic, input and limit',
    400,
    anthropic(
      'invalid_request_error',
      'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length',
    ),
    'context_window_exceeded',
  ],
  [
    'Anthropic, content',
    400,
    anthropic('invalid_request_error', 'Output blocked by content filtering policy'),
    'content_blocked',
  ],
  ['Anthropic, overloaded', 529, anthropic('overloaded_error', 'Overloaded'), 'model_unavailable'],
  [
    'Anthropic, credits',
    400,
    anthropic('invalid_request_error', 'Your credit balance is too low'),
    'rate_limited',
  ],
  [
    'Google',
    400,
    google(
      400,
      'INVALID_ARGUMENT',
      'The input token count (1050000) exceeds the maximum number of tokens allowed (1048576).',
    ),
    'context_window_exceeded',
  ],
  [
    'Google, quota',
    429,
    google(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota'),
    'rate_limited',
  ],
  ['Google, key', 400, google(400, 'INVALID_ARGUMENT', 'API key not valid.'), 'model_rejected'],
  ['Google, overloaded', 503, google(503, 'UNAVAILABLE', 'The model is overloaded.'), 'model_unavailable'],
  ['Bedrock', 400, { message: 'Input is too long for requested model.' }, 'context_window_exceeded'],
  [
    'Bedrock, Claude',
    400,
    {
      message: 'The model returned the following errors: prompt is too long: 200049 tokens > 200000 maximum',
    },
    'context_window_exceeded',
  ],
  [
    'Bedrock, content',
    400,
    { message: 'The model returned the following errors: Output blocked by content filtering policy' },
    'content_blocked',
  ],
  [
    'Bedrock, throttled',
    429,
    { message: 'Too many tokens, please wait before trying again.' },
    'rate_limited',
  ],
  ['Bedrock, throttled by name', 400, { __type: 'ThrottlingException', message: 'slow' }, 'rate_limited'],
  ['Bedrock, no access', 403, { message: "You don't have access to the model" }, 'model_rejected'],
  [
    'Mistral',
    400,
    {
      object: 'error',
      message:
        'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      type: 'invalid_request_message_order',
      code: '3051',
    },
    'context_window_exceeded',
  ],
  [
    'Mistral, a field too many',
    422,
    { object: 'error', message: { detail: [{ type: 'extra_forbidden', loc: ['body', 'seed'] }] } },
    'model_rejected',
  ],
  [
    'Groq',
    400,
    openai('Please reduce the length of the messages or completion.', 'context_length_exceeded'),
    'context_window_exceeded',
  ],
  [
    'Groq, one request above the rate',
    413,
    openai(
      'Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000',
      'rate_limit_exceeded',
      'tokens',
    ),
    'context_window_exceeded',
  ],
  [
    'vLLM',
    400,
    {
      object: 'error',
      message:
        "This model's maximum context length is 4096 tokens. However, you requested 6379 tokens (6029 in the messages, 350 in the completion).",
      type: 'BadRequestError',
      param: null,
      code: 400,
    },
    'context_window_exceeded',
  ],
  ['Ollama', 400, { error: 'the input length exceeds the context length' }, 'context_window_exceeded'],
  [
    'Ollama, no tools',
    400,
    { error: 'registry.ollama.ai/library/gemma:2b does not support tools' },
    'model_rejected',
  ],
  ['DeepSeek, content', 400, openai('Content Exists Risk', 'invalid_request_error'), 'content_blocked'],
  ['DeepSeek, no money', 402, openai('Insufficient Balance', 'invalid_request_error'), 'model_rejected'],
  [
    'xAI, content',
    403,
    { code: 'The caller does not have permission', error: 'Content violates usage guidelines.' },
    'content_blocked',
  ],
  [
    'OpenRouter, content',
    403,
    {
      error: {
        code: 403,
        message: 'x requires moderation on OpenRouter. Your input was flagged for "violence".',
        metadata: { reasons: ['violence'] },
      },
    },
    'content_blocked',
  ],
  [
    'OpenRouter, what its upstream said',
    400,
    {
      error: {
        code: 400,
        message: 'Provider returned error',
        metadata: { raw: '{"error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}' },
      },
    },
    'context_window_exceeded',
  ],
  ['a page of a proxy', 502, '<html>Bad gateway</html>', 'model_unavailable'],
  ['a proxy that waited', 504, '', 'timeout'],
];

describe('an error of', () => {
  it.each(cases)('%s', (_who, status, body, code) => {
    const error = statusError(upstream, { status, headers: {}, body: JSON.stringify(body) }, 0);
    expect(error).toMatchObject({ code, details: { status } });
  });
});

describe('an error within a stream', () => {
  it.each<[unknown, string]>([
    [{ error: { message: 'Error code: 400', code: 'content_filter' } }, 'content_blocked'],
    [anthropic('overloaded_error', 'Overloaded'), 'model_unavailable'],
    [[google(503, 'UNAVAILABLE', 'overloaded')], 'model_unavailable'],
    [google(429, 'RESOURCE_EXHAUSTED', 'slow'), 'rate_limited'],
    [{ error: { code: 502, message: 'Upstream failed' } }, 'model_unavailable'],
    [{ error: 'unexpected EOF' }, 'upstream_error'],
  ])('%j is %s', (report, code) => {
    expect(reportedError(upstream, report).code).toBe(code);
  });
});

describe('what an error says', () => {
  it('holds no key and no header, even when the other side echoes them', () => {
    const error = statusError(
      { ...upstream, secrets: ['tenant-token-9'] },
      { status: 400, headers: {}, body: { error: { message: 'sent sk-secret-1 and tenant-token-9' } } },
      0,
    );
    expect(error.message).toContain('[redacted] and [redacted]');
  });

  it('tells when to come back, also for an overload', () => {
    const answer = { status: 503, headers: { 'x-ms-retry-after-ms': '2500' }, body: '' };
    expect(statusError(upstream, answer, 0).details).toMatchObject({ retryAfterMs: 2500 });
  });
});
