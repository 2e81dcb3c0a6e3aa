import type { Command } from 'commander';
import { isJsonObject } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { usageError } from '../cli-error.ts';
import { columns, outputFormat, plainText, printRows, printValue, rowsOf, type Column } from '../output.ts';
import { openClient } from './open-client.ts';

const startColumn: Column = {
  title: 'STARTS',
  value: (row) =>
    isJsonObject(row['start'])
      ? `${plainText(row['start']['kind'])} ${plainText(row['start']['name'])}`
      : undefined,
};

/** `agent33 schedules …`: what is started at times. */
export function registerSchedules(program: Command, context: CliContext): void {
  const schedules = program.command('schedules').description('what is started at times');
  const address = (name: string, rest = ''): string => `/api/v1/schedules/${encodeURIComponent(name)}${rest}`;
  const formatOf = (command: Command) => outputFormat(command.optsWithGlobals<GlobalOptions>());
  schedules
    .command('list')
    .description('all schedules')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/schedules');
      const shown = [
        ...columns('name', 'when', 'timezone', 'enabled'),
        startColumn,
        ...columns('description'),
      ];
      printRows(context, formatOf(command), rowsOf(body), shown);
    });
  schedules
    .command('show <name>')
    .description('one schedule with its definition')
    .action(async (name: string, _options: unknown, command: Command) => {
      printValue(context, formatOf(command), await openClient(context, command).call('GET', address(name)));
    });
  schedules
    .command('next <name>')
    .description('when it starts something next, and whether it is paused')
    .option('--count <number>', 'how many moments', '5')
    .action(async (name: string, options: { count: string }, command: Command) => {
      if (!/^(?:[1-9]\d?|100)$/.test(options.count))
        throw usageError(`--count ${options.count}: expected a number from 1 to 100`);
      const query = `/status?upcoming=${encodeURIComponent(options.count)}`;
      printValue(
        context,
        formatOf(command),
        await openClient(context, command).call('GET', address(name, query)),
      );
    });
  schedules
    .command('slots <name>')
    .description('what became of its slots, the newest first')
    .option('--outcome <outcome>', 'only fired, skipped, queued or failed ones')
    .option('--limit <count>', 'how many', '20')
    .action(async (name: string, options: { outcome?: string; limit: string }, command: Command) => {
      const query = new URLSearchParams({ limit: options.limit });
      if (options.outcome !== undefined) query.set('outcome', options.outcome);
      const path = address(name, `/slots?${query.toString()}`);
      const body = await openClient(context, command).call('GET', path);
      const shown = columns('slot', 'outcome', 'reason', 'slots', 'run_id');
      printRows(context, formatOf(command), rowsOf(body), shown);
    });
  schedules
    .command('trigger <name>')
    .description('start it now, beside its slots')
    .action(async (name: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call('POST', address(name, '/trigger'));
      const format = formatOf(command);
      if (format === 'table' && isJsonObject(body)) context.stdout.write(`${plainText(body['run_id'])}\n`);
      else printValue(context, format, body);
    });
  schedules
    .command('pause <name>')
    .description('let its slots pass until it is resumed')
    .action(async (name: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('POST', address(name, '/pause'));
      say(context, `schedule ${name} is paused`);
    });
  schedules
    .command('resume <name>')
    .description('go on after a pause')
    .action(async (name: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('POST', address(name, '/resume'));
      say(context, `schedule ${name} goes on`);
    });
}
