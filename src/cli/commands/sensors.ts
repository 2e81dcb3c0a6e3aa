import type { Command } from 'commander';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { columns, outputFormat, printRows, printValue, rowsOf } from '../output.ts';
import { openClient } from './open-client.ts';

const object = (value: Json): JsonObject => (isJsonObject(value) ? value : {});

/** `agent33 sensors …`: what is started when something happens. */
export function registerSensors(program: Command, context: CliContext): void {
  const sensors = program.command('sensors').description('what is started when something happens');
  const address = (name: string, rest = ''): string => `/api/v1/sensors/${encodeURIComponent(name)}${rest}`;
  const formatOf = (command: Command) => outputFormat(command.optsWithGlobals<GlobalOptions>());
  sensors
    .command('list')
    .description('all sensors')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/sensors');
      printRows(context, formatOf(command), rowsOf(body), columns('name', 'type', 'enabled', 'description'));
    });
  sensors
    .command('show <name>')
    .description('one sensor: its definition, what it remembers, what waits')
    .action(async (name: string, _options: unknown, command: Command) => {
      const client = openClient(context, command);
      const shown = object(await client.call('GET', address(name)));
      const state = object(await client.call('GET', address(name, '/state')));
      printValue(context, formatOf(command), { ...shown, state });
    });
  sensors
    .command('pause <name>')
    .description('stop looking until it is resumed')
    .action(async (name: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('POST', address(name, '/pause'));
      say(context, `sensor ${name} is paused`);
    });
  sensors
    .command('resume <name>')
    .description('look again; what happened meanwhile is seen')
    .action(async (name: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('POST', address(name, '/resume'));
      say(context, `sensor ${name} looks again`);
    });
}
