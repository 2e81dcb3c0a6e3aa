import type { Command } from 'commander';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import type { CliServices } from '../cli-services.ts';
import { openSettings, overridesOf } from '../open-settings.ts';
import { serveApp } from '../serve-app.ts';

interface ServeOptions extends GlobalOptions {
  readonly host?: string;
  readonly port?: string;
  readonly worker: boolean;
  readonly queues?: string;
}

/** `agent33 serve`: the server of a project, until it is interrupted. */
export function registerServe(program: Command, context: CliContext, services: CliServices): void {
  program
    .command('serve')
    .description('serve a project until interrupted; definitions are reloaded when they change')
    .option('--host <address>', 'address to listen on; default API_HOST')
    .option('--port <number>', 'port to listen on, 0 for a free one; default API_PORT')
    .option('--no-worker', 'only accept requests; `agent33 worker` processes do the work')
    .option('--queues <names>', 'work only on these: runs, deliveries, automation; default AGENT33_QUEUES')
    .action(async (_options: unknown, command: Command) => {
      const { host, port, worker, queues } = command.optsWithGlobals<ServeOptions>();
      const overrides = overridesOf({
        API_HOST: host,
        API_PORT: port,
        AGENT33_WORKER: worker ? undefined : 'false',
        AGENT33_QUEUES: queues,
      });
      await serveApp(context, await services.openApp(openSettings(context, command, overrides)));
    });
}
