import { describe, expect, it } from 'vitest';
import type { HealthReport } from '../../../base/index.ts';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

async function open(database: HealthReport['status']) {
  const ground = await openHttpGround();
  ground.health.add({
    name: 'database',
    critical: true,
    check: () => Promise.resolve({ status: database, detail: 'told' }),
  });
  return ground;
}

describe('health', () => {
  it('is the state of all services and of the model', async () => {
    const { app, models } = await open('ok');
    models.offline = true;
    const response = await app.inject('/health');
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      status: 'healthy',
      version: '1.2.3',
      services: { database: 'ok' },
      details: { database: { detail: 'told', ms: 0 } },
      model: { default: 'offline/assistant', offline: true, providers: [] },
    });
  });

  it('is 503 when something critical is down, and the process is not ready then', async () => {
    const { app } = await open('down');
    const health = await app.inject('/health');
    expect([health.statusCode, health.json<{ status: string }>().status]).toEqual([503, 'unhealthy']);
    const ready = await app.inject('/readyz');
    expect([ready.statusCode, ready.json()]).toEqual([503, { ready: false, failing: ['database'] }]);
    expect((await app.inject('/healthz')).statusCode).toBe(200);
  });

  it('answers probes that send HEAD', async () => {
    const { app } = await open('ok');
    for (const url of ['/health', '/healthz', '/readyz']) {
      const { statusCode, body } = await app.inject({ method: 'HEAD', url });
      expect([url, statusCode, body]).toEqual([url, 200, '']);
    }
  });

  it('gives metrics to those who may see them', async () => {
    const { app } = await open('ok');
    const response = await app.inject({ url: '/metrics', headers: asAdmin });
    expect(response.headers['content-type']).toContain('text/plain; version=0.0.4');
    expect(response.body).toContain('agent33_build_info{version="1.2.3"');
    const refused = await app.inject({ url: '/metrics', headers: { 'x-api-key': 'key-runs:read' } });
    expect(refused.statusCode).toBe(403);
  });
});
