import type { Command } from 'commander';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import type { CliServices } from '../cli-services.ts';
import { columns, outputFormat, printRows, rowsOf } from '../output.ts';
import { registerModelBudget } from './models-budget.ts';
import { registerModelsPull } from './models-pull.ts';
import { addModelRouterCommands } from './models-router.ts';
import { registerModelUsage } from './models-usage.ts';
import { openClient } from './open-client.ts';

/** `agent33 models …`: what answers. */
export function registerModels(program: Command, context: CliContext, services: CliServices): void {
  const models = program
    .command('models')
    .description('models: what answers, what it costs, who may use how much');
  models
    .command('list')
    .description('models and agents that answer over the OpenAI-compatible API')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/v1/models');
      printRows(
        context,
        outputFormat(command.optsWithGlobals<GlobalOptions>()),
        rowsOf(body),
        columns('id', 'owned_by'),
      );
    });
  addModelRouterCommands(models, context);
  registerModelsPull(models, context, services);
  registerModelUsage(models, context);
  registerModelBudget(models, context);
}
