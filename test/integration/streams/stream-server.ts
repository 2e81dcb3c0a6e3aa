import { createApp } from '../../../src/app/index.ts';
import { silentLogger } from '../../../src/base/index.ts';
import { loadConfig } from '../../../src/platform/config/index.ts';
import { FakeModel } from '../../../src/testing/fake-model.ts';

/** A server that answers `echo <last message>`, and ends itself at the moment that it is told. */
const [projectDir = '', failpoint = '', nth = '1'] = process.argv.slice(2);
let reached = 0;
const app = createApp({
  version: 'streams',
  config: loadConfig({ env: process.env, projectDir, workingDir: projectDir }),
  environment: process.env,
  logger: silentLogger,
  providers: [
    new FakeModel({
      name: 'fake',
      models: ['model'],
      afterLast: 'repeat-last',
      turns: [({ messages }) => `echo ${JSON.stringify(messages.at(-1)?.content)}`],
    }),
  ],
  runSettings: { leaseMs: 2000 },
  failpoint: (name) => {
    if (name !== failpoint) return;
    reached += 1;
    if (reached === Number(nth)) process.kill(process.pid, 'SIGKILL');
  },
});
process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
const { url } = await app.start();
process.stdout.write(`${JSON.stringify({ url })}\n`);
