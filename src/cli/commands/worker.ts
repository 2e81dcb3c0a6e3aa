import type { Command } from 'commander';
import { createColors } from 'picocolors';
import { isDecorated, say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import type { CliServices, StartedWorker } from '../cli-services.ts';
import { openSettings, overridesOf } from '../open-settings.ts';
import { explainListenError } from '../serve-app.ts';
import { untilInterrupted } from '../until-interrupted.ts';

interface WorkerOptions extends GlobalOptions {
  readonly queues?: string;
  readonly concurrency?: string;
  readonly host?: string;
  readonly port?: string;
}

function banner(context: CliContext, { roles, concurrency, url }: StartedWorker): string {
  const { bold, dim } = createColors(isDecorated(context, context.stderr));
  const line = (label: string, text: string): string => `  ${dim(label.padEnd(11))}${text}`;
  return [
    `  ${bold('Agent33 worker')} is ready`,
    line('queues', roles.join(', ')),
    ...(concurrency === null ? [] : [line('runs', `up to ${concurrency} side by side`)]),
    ...(url === undefined ? [] : [line('probes', `${url}/readyz`)]),
  ].join('\n');
}

/** `agent33 worker`: works on the queues of a project, beside its servers, until it is interrupted. */
export function registerWorker(program: Command, context: CliContext, services: CliServices): void {
  program
    .command('worker')
    .description('work on the queues beside `agent33 serve`, without an API; needs PostgreSQL')
    .option('--queues <names>', 'runs, deliveries, automation; default AGENT33_QUEUES, then all')
    .option(
      '--concurrency <count>',
      "runs side by side; default AGENT33_CONCURRENCY, then the project's runs.concurrency",
    )
    .option('--port <number>', 'answer probes and metrics here; default AGENT33_WORKER_PORT, then nowhere')
    .option('--host <address>', 'address of the probes; default AGENT33_WORKER_HOST')
    .action(async (_options: unknown, command: Command) => {
      const { queues, concurrency, host, port } = command.optsWithGlobals<WorkerOptions>();
      const overrides = overridesOf({
        AGENT33_QUEUES: queues,
        AGENT33_CONCURRENCY: concurrency,
        AGENT33_WORKER_HOST: host,
        AGENT33_WORKER_PORT: port,
      });
      const worker = await services.openWorker(openSettings(context, command, overrides));
      let started: StartedWorker;
      try {
        started = await worker.start();
      } catch (error) {
        await worker.stop();
        throw await explainListenError(error, 'agent33 worker');
      }
      say(context, banner(context, started));
      await untilInterrupted(context);
      say(context, 'stopping: runs under way may finish, the rest goes back to the queue');
      await worker.stop();
    });
}
