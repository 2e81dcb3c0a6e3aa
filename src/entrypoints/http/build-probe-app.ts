import { createHttpApp } from './create-http-app.ts';
import { guardRequests } from './guard-requests.ts';
import type { HttpApp, HttpServerDeps } from './http-deps.ts';
import { logRequests } from './request-log.ts';
import { addHealthRoutes } from './routes/health.ts';
import { answerUnknownRoutes } from './unknown-routes.ts';

/** What a listener stands on that has no API. */
export type ProbeDeps = Pick<
  HttpServerDeps,
  'config' | 'authenticator' | 'health' | 'metrics' | 'logger' | 'clock' | 'ids'
> & {
  readonly models: Pick<HttpServerDeps['models'], 'status'>;
};

/** The routes of `routes/health.ts`, guarded as in a server: metrics need a key. */
export async function buildProbeApp(deps: ProbeDeps): Promise<HttpApp> {
  const app = createHttpApp(deps);
  guardRequests(app, deps);
  logRequests(app, deps);
  answerUnknownRoutes(app);
  addHealthRoutes(app, deps);
  await app.ready();
  return app;
}
