import type { Command } from 'commander';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import type { CliServices } from '../cli-services.ts';
import { columns, outputFormat, printRows, rowsOf } from '../output.ts';
import { registerModelsPull } from './models-pull.ts';
import { openClient } from './open-client.ts';

/** `agent33 models …`: what answers. */
export function registerModels(program: Command, context: CliContext, services: CliServices): void {
  const models = program
    .command('models')
    .description('models and agents that answer over the OpenAI-compatible API');
  registerModelsPull(models, context, services);
  models
    .command('list')
    .description('all of them')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/v1/models');
      printRows(
        context,
        outputFormat(command.optsWithGlobals<GlobalOptions>()),
        rowsOf(body),
        columns('id', 'owned_by'),
      );
    });
}
