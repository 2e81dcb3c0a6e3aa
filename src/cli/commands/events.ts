import type { Command } from 'commander';
import { isJsonObject } from '../../base/index.ts';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import { usageError } from '../cli-error.ts';
import { outputFormat, plainText, printValue } from '../output.ts';
import { jsonOrText } from '../read-inputs.ts';
import { openClient } from './open-client.ts';

/** `agent33 events …`: what happened elsewhere, for sensors and waiting runs. */
export function registerEvents(program: Command, context: CliContext): void {
  program
    .command('events')
    .description('what happened elsewhere')
    .command('publish <name>')
    .description('tell sensors and runs that wait for it')
    .option('--payload <json>', 'what belongs to it; a text that is no JSON is taken as it is')
    .option('--id <id>', 'the same id again is the same event')
    .action(async (name: string, options: { payload?: string; id?: string }, command: Command) => {
      if (name.trim() === '') throw usageError('the name of an event is not empty');
      const { payload, id } = options;
      const body = await openClient(context, command).call('POST', '/api/v1/events', {
        body: {
          name,
          ...(payload === undefined ? {} : { payload: jsonOrText(payload) }),
          ...(id === undefined ? {} : { id }),
        },
      });
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      if (format === 'table' && isJsonObject(body)) context.stdout.write(`${plainText(body['id'])}\n`);
      else printValue(context, format, body);
    });
}
