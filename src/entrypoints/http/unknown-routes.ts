import { AppError } from '../../base/index.ts';
import { sendAnthropicError } from './anthropic/anthropic-error.ts';
import type { HttpApp } from './http-deps.ts';
import { sendOllamaError } from './ollama/ollama-error.ts';
import { sendOpenAIError } from './openai/openai-error.ts';
import { sendProblem } from './problem.ts';

interface KnownRoute {
  readonly pattern: RegExp;
  readonly method: string;
}

/** `/agents/:id/*` as a pattern over whole paths. */
function patternOf(url: string): RegExp {
  const escaped = url.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}$`);
}

/** 404 for addresses that do not exist, 405 for those that do with another method. Add it before the routes. */
export function answerUnknownRoutes(app: HttpApp): void {
  const known: KnownRoute[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    for (const name of [method].flat()) known.push({ pattern: patternOf(url), method: name });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const allowed = known.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    const error =
      allowed.length > 0
        ? new AppError(
            'method_not_allowed',
            `${path} does not take ${request.method}, but ${allowed.join(', ')}`,
          )
        : new AppError('not_found', `there is nothing at ${request.method} ${path.slice(0, 200)}`);
    if (allowed.length > 0) reply.header('allow', allowed.join(', '));
    if (path.startsWith('/v1/messages')) return sendAnthropicError(reply, error);
    if (path.startsWith('/ollama/')) return sendOllamaError(reply, error);
    return path.startsWith('/v1/') ? sendOpenAIError(reply, error) : sendProblem(reply, error);
  });
}
