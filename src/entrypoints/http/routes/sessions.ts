import { z } from 'zod';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import {
  messageToWire,
  pageOf,
  pageQuery,
  pageToWire,
  sessionToWire,
  wireMessage,
  wireSession,
} from '../wire.ts';

const tags = ['sessions'];
const byId = z.strictObject({ id: z.string().min(1).max(100) });

/** Sessions: conversations and what was said in them. */
export function addSessionRoutes(app: HttpApp, { runStore }: RouteDeps): void {
  app.get(
    '/api/v1/sessions',
    {
      config: { scopes: ['sessions:read'] },
      schema: {
        tags,
        summary: 'Conversations, the newest first',
        querystring: z.strictObject({ ...pageQuery, agent: z.string().max(64).optional() }),
        response: { 200: pageOf(wireSession) },
      },
    },
    async (request) => {
      const { limit, cursor, agent } = request.query;
      const page = await runStore.listSessions(request.scope, {
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(agent === undefined ? {} : { agent }),
      });
      return pageToWire(page, sessionToWire);
    },
  );

  app.get(
    '/api/v1/sessions/:id',
    {
      config: { scopes: ['sessions:read'] },
      schema: { tags, summary: 'One conversation', params: byId, response: { 200: wireSession } },
    },
    async (request) => sessionToWire(await runStore.getSession(request.scope, request.params.id)),
  );

  app.get(
    '/api/v1/sessions/:id/messages',
    {
      config: { scopes: ['sessions:read'] },
      schema: {
        tags,
        summary: 'What was said, the oldest first',
        params: byId,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(wireMessage) },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const query = { limit, ...(cursor === undefined ? {} : { cursor }) };
      return pageToWire(await runStore.messages(request.scope, request.params.id, query), messageToWire);
    },
  );

  app.delete(
    '/api/v1/sessions/:id',
    {
      config: { scopes: ['sessions:write'] },
      schema: { tags, summary: 'Delete a conversation and its history', params: byId },
    },
    async (request, reply) => {
      await runStore.deleteSession(request.scope, request.params.id);
      return reply.code(204).send();
    },
  );
}
