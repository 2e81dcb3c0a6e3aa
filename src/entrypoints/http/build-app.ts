import type { FastifyInstance } from 'fastify';
import { addAnthropicRoutes } from './anthropic/anthropic-routes.ts';
import { createHttpApp } from './create-http-app.ts';
import { guardRequests } from './guard-requests.ts';
import type { HttpApp, RouteDeps } from './http-deps.ts';
import { parseJsonBody } from './json-body.ts';
import { addOllamaRoutes } from './ollama/ollama-routes.ts';
import { addOpenApi } from './openapi.ts';
import { addOpenAIRoutes } from './openai/openai-routes.ts';
import { logRequests } from './request-log.ts';
import { addAgentRoutes } from './routes/agents.ts';
import { addApprovalRoutes } from './routes/approvals.ts';
import { addAuthRoutes } from './routes/auth.ts';
import { addChannelMessageRoutes } from './routes/channel-messages.ts';
import { addChannelRoutes } from './routes/channels.ts';
import { addChatRoutes } from './routes/chat.ts';
import { addDeadLetterRoutes } from './routes/dead-letters.ts';
import { addEventRoutes } from './routes/events.ts';
import { addHealthRoutes } from './routes/health.ts';
import { addLimitRoutes } from './routes/limits.ts';
import { addRunEventRoutes } from './routes/run-events.ts';
import { addRunHistoryRoutes } from './routes/run-history.ts';
import { addRunFileRoutes } from './routes/run-files.ts';
import { addRunRoutes } from './routes/runs.ts';
import { addRunTreeRoutes } from './routes/run-tree.ts';
import { addRoutingRoutes } from './routes/routing.ts';
import { addScheduleRoutes } from './routes/schedules.ts';
import { addSensorRoutes } from './routes/sensors.ts';
import { addSessionRoutes } from './routes/sessions.ts';
import { addTeamRoutes } from './routes/teams.ts';
import { addUsageRoutes } from './routes/usage.ts';
import { addModelRouterRoutes } from './routes/model-router.ts';
import { addWorkerRoutes } from './routes/workers.ts';
import { addWorkflowRoutes } from './routes/workflows.ts';
import { answerUnknownRoutes } from './unknown-routes.ts';

/** JSON in, strictly read. */
function readJsonBodies(app: HttpApp): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'buffer' },
    (_request, body, done) => {
      try {
        done(null, parseJsonBody(body as Buffer));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

/** Routes from elsewhere get the bytes as they came: signatures are over them. */
function readRawBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

/** The Fastify instance with everything on it, not yet listening. */
export async function buildApp(deps: RouteDeps): Promise<HttpApp> {
  const app = createHttpApp(deps);
  readJsonBodies(app);
  guardRequests(app, deps);
  logRequests(app, deps);
  answerUnknownRoutes(app);
  await addOpenApi(app, deps.version);

  addHealthRoutes(app, deps);
  addAuthRoutes(app, deps);
  addChatRoutes(app, deps);
  addAgentRoutes(app, deps);
  addTeamRoutes(app, deps);
  addWorkflowRoutes(app, deps);
  addRunRoutes(app, deps);
  addRunFileRoutes(app, deps);
  addRunEventRoutes(app, deps);
  addRunTreeRoutes(app, deps);
  addRunHistoryRoutes(app, deps);
  addApprovalRoutes(app, deps);
  addSessionRoutes(app, deps);
  addScheduleRoutes(app, deps);
  addSensorRoutes(app, deps);
  addEventRoutes(app, deps);
  addDeadLetterRoutes(app, deps);
  addChannelRoutes(app, deps);
  addChannelMessageRoutes(app, deps);
  addRoutingRoutes(app, deps);
  addWorkerRoutes(app, deps);
  addUsageRoutes(app, deps);
  addLimitRoutes(app, deps);
  addModelRouterRoutes(app, deps);
  await app.register((scope, _options, done) => {
    addOpenAIRoutes(scope, deps);
    done();
  });
  await app.register((scope, _options, done) => {
    addAnthropicRoutes(scope, deps);
    done();
  });
  await app.register((scope, _options, done) => {
    addOllamaRoutes(scope, deps);
    done();
  });
  for (const addRoutes of deps.extraRoutes ?? []) {
    await app.register(async (scope) => {
      const plain = scope as unknown as FastifyInstance;
      readRawBodies(plain);
      await addRoutes(plain);
    });
  }
  return app;
}
