import { createApp } from '../../../src/app/index.ts';
import { silentLogger } from '../../../src/base/index.ts';
import { loadConfig } from '../../../src/platform/config/index.ts';
import { FakeModel } from '../../../src/testing/fake-model.ts';

/** A server whose model says at once what the person said, and to a text that ends with `long` so much that it needs several messages. */
const [projectDir = ''] = process.argv.slice(2);
const app = createApp({
  version: 'chaos',
  config: loadConfig({ env: process.env, projectDir, workingDir: projectDir }),
  environment: process.env,
  logger: silentLogger,
  providers: [
    new FakeModel({
      name: 'fake',
      models: ['model'],
      afterLast: 'repeat-last',
      turns: [
        ({ messages }) => {
          const { content = '' } = messages.findLast(({ role }) => role === 'user') ?? {};
          const text = String(content);
          if (!text.endsWith('long')) return `you said ${text}`;
          return Array.from({ length: 150 }, (_unused, line) => `${line}: you said ${text}`).join('\n');
        },
      ],
    }),
  ],
  runSettings: { leaseMs: 2000 },
});
process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
const { url } = await app.start();
process.stdout.write(`${JSON.stringify({ url })}\n`);
