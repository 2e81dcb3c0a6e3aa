import { createTestApp } from '../../src/testing/create-test-app.ts';

// A whole server with everything on that a call goes through: keys, two deployments to choose from, limits of key and
// tenant, budgets, usage rows, metrics. `failover`: the first deployment is one that nobody answers for.
const upstream = process.env['UPSTREAM_URL'] ?? '';
const dead = process.env['DEAD_URL'] ?? 'http://127.0.0.1:9';
const deployment = (id: string, model: string, more: object = {}) => ({
  id,
  provider: 'openai',
  model,
  apiKey: 'upstream',
  baseUrl: `${upstream}/v1`,
  price: { inputPerMillion: 0.1, outputPerMillion: 0.4 },
  rpm: 100_000_000,
  tags: ['bench'],
  ...more,
});
const project = {
  apiVersion: 'agent33/v1',
  kind: 'Project',
  metadata: { name: 'bench' },
  spec: {
    models: {
      default: 'chat',
      groups: {
        chat: [deployment('a', 'bench-model'), deployment('b', 'bench-model', { weight: 2 })],
        paced: [deployment('p', 'paced')],
        failover: [
          deployment('dead', 'bench-model', { order: 1, baseUrl: `${dead}/v1`, cooldown: '1ms' }),
          deployment('alive', 'bench-model', { order: 2 }),
        ],
      },
      router: { strategy: 'weighted-shuffle', retries: 2, preCallChecks: true },
      ...(process.env['NO_LIMITS'] === undefined ? {} : { limits: [] }),
      limits:
        process.env['NO_LIMITS'] !== undefined
          ? []
          : [
              { subject: 'tenant', rpm: 100_000_000, budgets: [{ usd: 1_000_000, period: 'month' }] },
              { subject: 'key:*', rpm: 100_000_000, tpm: 1_000_000_000_000, parallel: 10_000 },
            ],
    },
  },
};
const app = await createTestApp({
  env: {
    ...Object.fromEntries(
      Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    EGRESS_ALLOW_PRIVATE: '127.0.0.1',
  },
  files: { 'agent33.yaml': JSON.stringify(project) },
});
process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ url: app.url, apiKey: app.apiKey })}\n`);
