import { createProbeServer } from '../entrypoints/http/index.ts';
import { createAuthenticator } from '../platform/security/index.ts';
import type { StartedWorker } from './app-options.ts';
import { compose, startChannels, startEngine, type Foundation } from './compose.ts';

/** Puts a worker together and starts it: no API, only probes where it has a port. */
export async function startWorker(foundation: Foundation): Promise<StartedWorker> {
  const parts = await compose(foundation, 'worker');
  const { options, lifecycle, clock, credentials, config, ids } = parts;
  const port = config.AGENT33_WORKER_PORT;
  const probes =
    port === undefined
      ? undefined
      : createProbeServer({
          config: { ...config, API_HOST: config.AGENT33_WORKER_HOST, API_PORT: port },
          authenticator: createAuthenticator({
            keys: parts.modelSide.accounting.apiKeys,
            jwtSecret: credentials.jwtSecret,
            algorithm: config.JWT_ALGORITHM,
            expireMinutes: config.JWT_EXPIRE_MINUTES,
            clock,
          }),
          health: parts.health,
          metrics: parts.metrics,
          models: parts.models.router,
          logger: options.logger,
          clock,
          ids,
        });
  await Promise.all([foundation.opened, probes?.prepare()]);
  // First in, last out: probes answer until the work has been handed back.
  if (probes !== undefined) await lifecycle.start(probes);
  await startEngine(parts);
  if (parts.roles.includes('deliveries')) await startChannels(parts);
  return {
    roles: parts.roles,
    concurrency: parts.roles.includes('runs')
      ? (config.AGENT33_CONCURRENCY ?? parts.project.current.project.spec.runs.concurrency)
      : null,
    url: probes?.url,
  };
}
