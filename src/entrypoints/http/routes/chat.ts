import { z } from 'zod';
import { requireScope } from '../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { runAnswer, teamAnswer } from '../run-answer.ts';
import { callAgent, callTeam } from '../run-door.ts';

const chatBody = z
  .strictObject({
    message: z.string().min(1).max(1_000_000),
    agent: z.string().min(1).max(64).optional().describe('Who answers; the default agent when left out.'),
    team: z.string().min(1).max(64).optional().describe('A team that answers; not beside `agent`.'),
    session_id: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('Conversation to continue; a new one when left out.'),
    stream: z.boolean().default(false).describe('Answer with server-sent events.'),
  })
  .refine(({ agent, team }) => agent === undefined || team === undefined, {
    path: ['team'],
    message: 'expected either agent or team, not both',
  });

/** `POST /api/v1/chat`. */
export function addChatRoutes(app: HttpApp, deps: RouteDeps): void {
  app.post(
    '/api/v1/chat',
    {
      config: { scopes: ['agents:invoke', 'teams:invoke'] },
      schema: {
        tags: ['chat'],
        summary: 'Say something to an agent or a team',
        description:
          'Waits for the answer. With `stream` the events of the run come as server-sent events, the last one is `done` with the same body. The same `Idempotency-Key` answers with the first run.',
        body: chatBody,
        response: { 200: z.union([runAnswer, teamAnswer]) },
      },
    },
    async (request, reply) => {
      const { message, agent, team, session_id: sessionId, stream } = request.body;
      requireScope(request.scope, team === undefined ? 'agents:invoke' : 'teams:invoke');
      const call = { input: { message }, sessionId, metadata: {}, stream };
      if (team !== undefined) return callTeam(deps, request, reply, { ...call, team });
      const name = agent ?? (await deps.agents.defaultName(request.scope));
      return callAgent(deps, request, reply, { ...call, agent: name });
    },
  );
}
