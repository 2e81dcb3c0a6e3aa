import { z } from 'zod';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { runAnswer } from '../run-answer.ts';
import { callAgent } from '../run-door.ts';

const chatBody = z.strictObject({
  message: z.string().min(1).max(1_000_000),
  agent: z.string().min(1).max(64).optional().describe('Who answers; the default agent when left out.'),
  session_id: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Conversation to continue; a new one when left out.'),
  stream: z.boolean().default(false).describe('Answer with server-sent events.'),
});

/** `POST /api/v1/chat`. */
export function addChatRoutes(app: HttpApp, deps: RouteDeps): void {
  app.post(
    '/api/v1/chat',
    {
      config: { scopes: ['agents:invoke'] },
      schema: {
        tags: ['chat'],
        summary: 'Say something to an agent',
        description:
          'Waits for the answer. With `stream` the events of the run come as server-sent events, the last one is `done` with the same body. The same `Idempotency-Key` answers with the first run.',
        body: chatBody,
        response: { 200: runAnswer },
      },
    },
    async (request, reply) => {
      const { message, agent, session_id: sessionId, stream } = request.body;
      return callAgent(deps, request, reply, {
        agent: agent ?? (await deps.agents.defaultName(request.scope)),
        input: { message },
        sessionId,
        metadata: {},
        stream,
      });
    },
  );
}
