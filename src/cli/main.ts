import { enableCompileCache } from 'node:module';
import { systemClock } from '../base/index.ts';
import type { CliContext } from './cli-context.ts';
import { exitCodes } from './cli-error.ts';
import type { CliServices } from './cli-services.ts';

// Later starts spend no time on compiling; what is loaded from here on counts, and that is nearly everything.
enableCompileCache();

const interrupt = new AbortController();
let interrupted = false;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second one means it: whatever is still being tidied up is left as it is.
    if (interrupted) process.exit(exitCodes.interrupted);
    interrupted = true;
    interrupt.abort(new Error(`interrupted by ${name}`));
  });
}
// Started by another process that ends without saying so (\`agent33 dev\` was killed): end too.
process.once('disconnect', () => interrupt.abort(new Error('the parent process ended')));
// Listening alone would keep this process alive when its work is done.
process.channel?.unref();
// A reader that went away (`agent33 … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
  throw error;
});

const context: CliContext = {
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
};
const services: CliServices = {
  openApp: async (options) => (await import('../app/index.ts')).createApp(options),
  openWorker: async (options) => (await import('../app/index.ts')).createWorker(options),
  loadProject: async (dir, environment) => (await import('../app/index.ts')).readProject(dir, environment),
  openLocalModels: async (config) => (await import('../app/index.ts')).openLocalModels(config),
  playCassettes: async (options) => (await import('../app/index.ts')).playCassettes(options),
};
// Should the process end before the command has, that is a failure.
process.exitCode = exitCodes.failed;
const { runCli } = await import('./run-cli.ts');
process.exitCode = await runCli(process.argv.slice(2), context, services);
