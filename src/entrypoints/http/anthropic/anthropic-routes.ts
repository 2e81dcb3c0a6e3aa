import { keepWireBodies } from '../gateway-door/wire-body.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { admitTarget } from '../model-door/open-answer.ts';
import type { PermissionScope } from '../../../protocol/index.ts';
import { startCallerWait } from '../caller-wait.ts';
import { noteError } from '../problem.ts';
import { sendAnthropicError } from './anthropic-error.ts';
import { answerMessage } from './answer-message.ts';
import { countTokens } from '../model-door/count-tokens.ts';
import { messagesDemand } from './messages-demand.ts';
import { countRequest, messagesRequest } from './messages-request.ts';

const tags = ['anthropic'];
const invoking: readonly PermissionScope[] = [
  'agents:invoke',
  'teams:invoke',
  'workflows:invoke',
  'models:invoke',
];

/** The door for clients of Anthropic: agents and models under `/v1/messages`, errors in Anthropic's shape. */
export function addAnthropicRoutes(app: HttpApp, deps: RouteDeps): void {
  const config = { scopes: invoking };
  const bodyLimit = deps.config.API_MODEL_BODY_LIMIT_BYTES;
  keepWireBodies(app);
  app.setErrorHandler((error, request, reply) =>
    sendAnthropicError(reply, noteError(error, request, deps.logger)),
  );
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('request-id', request.id);
    done();
  });

  app.post(
    '/v1/messages',
    {
      config,
      bodyLimit,
      schema: {
        tags,
        summary: 'Messages',
        description:
          'As chat completions, in Anthropic’s form. `anthropic-beta` goes on to models of Anthropic.',
        body: messagesRequest,
      },
    },
    (request, reply) => answerMessage(deps, request, reply, request.body),
  );

  app.post(
    '/v1/messages/count_tokens',
    {
      config,
      bodyLimit,
      schema: {
        tags,
        summary: 'About how many tokens a request has',
        description: 'An estimate, the same for every model; rather too many than too few.',
        body: countRequest,
      },
    },
    async (request, reply) => {
      const wait = startCallerWait(deps, reply);
      try {
        await admitTarget({ deps, request, reply, wait }, request.body.model);
        return { input_tokens: countTokens(messagesDemand({ ...request.body, max_tokens: 1 })) };
      } finally {
        wait.clear();
      }
    },
  );
}
