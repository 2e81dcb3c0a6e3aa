import type { HttpApp, RouteDeps } from './http-deps.ts';

const probes: ReadonlySet<string> = new Set(['/health', '/healthz', '/readyz', '/metrics']);

/** One line and one measurement for each answered request. */
export function logRequests(app: HttpApp, { logger, metrics }: Pick<RouteDeps, 'logger' | 'metrics'>): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const { method } = request;
    const status = reply.statusCode;
    const milliseconds = reply.elapsedTime;
    metrics.httpDuration.observe({ route, method, status }, milliseconds / 1000);
    const fields = {
      request_id: request.id,
      method,
      route,
      status,
      ms: Math.round(milliseconds * 10) / 10,
      principal: request.scope?.principal,
    };
    if (probes.has(route)) logger.debug(fields, 'request');
    else logger.info(fields, 'request');
    done();
  });
}
