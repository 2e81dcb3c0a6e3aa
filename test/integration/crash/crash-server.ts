import { flushCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import { silentLogger } from '../../../src/base/index.ts';
import { createApp } from '../../../src/app/index.ts';
import { defineTool, ToolResult } from '../../../src/capabilities/tools/index.ts';
import { loadConfig } from '../../../src/platform/config/index.ts';
import { z } from 'zod';

const [projectDir = '', effectUrl = ''] = process.argv.slice(2);
let failpoint: string | undefined;
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

// Each line names the failpoint at which the process ends from now on.
createInterface({ input: process.stdin }).on('line', (name) => {
  failpoint = name;
  say({ armed: name });
});

/** Tells the test that it happened, under a key that is the same for every attempt. Its answer is a large one: a blob. */
const effect = defineTool({
  name: 'effect',
  description: 'Does something outside.',
  parameters: z.strictObject({ note: z.string().optional() }),
  effect: 'keyed',
  maxOutputChars: 100_000,
  execute: async ({ note = '' }, context) => {
    await fetch(effectUrl, {
      method: 'POST',
      headers: { 'x-note': encodeURIComponent(note) },
      body: context.idempotencyKey,
    });
    return ToolResult.ok(`done${'.'.repeat(70_000)}`);
  },
});

const app = createApp({
  version: 'crash',
  config: loadConfig({ env: process.env, projectDir, workingDir: projectDir }),
  environment: process.env,
  logger: silentLogger,
  tools: [effect],
  failpoint: (name) => {
    if (name === failpoint) process.kill(process.pid, 'SIGKILL');
  },
});
process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
const { url } = await app.start();
say({ url });
// It is killed as a rule: what it has compiled is kept for the next one now.
flushCompileCache();
