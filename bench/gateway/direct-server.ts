import { systemClock, silentLogger } from '../../src/base/index.ts';
import { createOpenAICompatibleProvider } from '../../src/capabilities/models/providers/openai-compatible-provider.ts';
import { createHttpServer } from '../../src/entrypoints/http/index.ts';
import { createEgressClient } from '../../src/platform/http-client/index.ts';
import { createDirectGateway, plainDeployment } from '../../src/testing/direct-gateway.ts';
import { createHttpGround } from '../../src/testing/http-ground.ts';

const egress = createEgressClient({ allowPrivate: ['127.0.0.1'] });
const provider = createOpenAICompatibleProvider({
  baseUrl: `${process.env['UPSTREAM_URL'] ?? ''}/v1`,
  apiKey: 'upstream',
  fetch: egress.fetch,
  request: egress.request,
  clock: systemClock,
});
const ground = createHttpGround({ clock: systemClock });
ground.models.groups.set('chat', []);
ground.models.groups.set('paced', []);
const server = createHttpServer({
  ...ground.deps,
  logger: silentLogger,
  gateway: createDirectGateway(plainDeployment(provider, process.env['UPSTREAM_MODEL'] ?? 'bench-model')),
});
await server.start();
process.stdout.write(`${JSON.stringify({ url: server.url, apiKey: 'key-admin' })}\n`);
process.on('SIGTERM', () => process.exit(0));
