import type { Command } from 'commander';
import { isJsonObject, type JsonObject } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes } from '../cli-error.ts';
import { columns, outputFormat, printRows, printValue } from '../output.ts';
import { openClient } from './open-client.ts';

function serviceRows(health: JsonObject): readonly JsonObject[] {
  const { services, details } = health;
  if (!isJsonObject(services)) return [];
  return Object.entries(services).map(([service, state]) => {
    const detail = isJsonObject(details) ? details[service] : undefined;
    return { service, status: state, detail: isJsonObject(detail) ? detail['detail'] : undefined };
  });
}

/** `agent33 status`: health of the server and its services. */
export function registerStatus(program: Command, context: CliContext): void {
  program
    .command('status')
    .description('health of the server and of each service it uses')
    .action(async (_options: unknown, command: Command) => {
      const client = openClient(context, command);
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      const health = await client.call('GET', '/health', { accept: [503] });
      if (!isJsonObject(health) || typeof health['status'] !== 'string') {
        throw new CliError(`${client.url} does not answer like an Agent33 server`, {
          exitCode: exitCodes.failed,
        });
      }
      if (format === 'table') {
        printRows(context, format, serviceRows(health), columns('service', 'status', 'detail'));
        say(context, `${client.url} is ${health['status']}`);
      } else printValue(context, format, health);
      if (health['status'] === 'unhealthy') {
        throw new CliError('the server is unhealthy', {
          exitCode: exitCodes.failed,
          hint: 'run `agent33 doctor` on its machine',
        });
      }
    });
}
