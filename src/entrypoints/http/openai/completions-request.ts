import { z } from 'zod';
import { AppError } from '../../../base/index.ts';
import type { ModelRequest } from '../../../capabilities/models/index.ts';
import { settingsOf } from './chat-request.ts';

const sampling = z.number().nullish();

/** Body of `POST /v1/completions`. Other fields are left to the upstream. */
export const completionsRequest = z
  .looseObject({
    model: z.string().min(1).max(300).describe('A name of the model list, or `provider/model`.'),
    prompt: z
      .union([z.string(), z.array(z.string()).min(1), z.array(z.int()), z.array(z.array(z.int()))])
      .nullish()
      .describe('One text or several; tokens where the upstream takes them.'),
    n: z.int().min(1).max(128).nullish(),
    best_of: z.int().nullish(),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
    suffix: z.string().nullish(),
    echo: z.boolean().nullish(),
    logprobs: z.int().nullish(),
    temperature: sampling,
    top_p: sampling,
    max_tokens: z.int().positive().nullish(),
    max_completion_tokens: z.int().positive().nullish(),
    seed: z.int().nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(8)]).nullish(),
    frequency_penalty: sampling,
    presence_penalty: sampling,
  })
  .meta({ id: 'CompletionRequest' });

type CompletionsRequest = z.output<typeof completionsRequest>;

const refuse = (path: string, why: string): AppError => {
  const message = `${why} with this model, which answers over chat`;
  return new AppError('invalid_request', `${path}: ${message}`, { details: { issues: [{ path, message }] } });
};

const isText = (value: unknown): value is string => typeof value === 'string';

/**
 * The same as calls of a chat model, one for each choice: prompts in order, `n` times each. Error: `invalid_request` for
 * what chat cannot do.
 */
export function chatCallsOf(body: CompletionsRequest): readonly Omit<ModelRequest, 'model'>[] {
  const { prompt, n, best_of: bestOf, suffix, echo, logprobs } = body;
  if (typeof suffix === 'string' && suffix !== '') throw refuse('suffix', 'cannot be used');
  if (echo === true) throw refuse('echo', 'cannot be used');
  if (typeof logprobs === 'number') throw refuse('logprobs', 'cannot be had');
  if (typeof bestOf === 'number' && bestOf > (n ?? 1)) throw refuse('best_of', 'cannot be used');
  const prompts = isText(prompt) ? [prompt] : (prompt ?? []);
  if (prompts.length === 0) throw refuse('prompt', 'expected a text or several');
  if (!prompts.every(isText)) throw refuse('prompt', 'tokens cannot be used');
  const settings = settingsOf(body);
  return prompts.flatMap((text) =>
    Array.from({ length: n ?? 1 }, () => ({
      messages: [{ role: 'user' as const, content: text }],
      settings,
    })),
  );
}
