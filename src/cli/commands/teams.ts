import type { Command } from 'commander';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import { usageError } from '../cli-error.ts';
import { columns, outputFormat, plainText, printRows, printValue, rowsOf, type Column } from '../output.ts';
import { readInputs, waitMs } from '../read-inputs.ts';
import { streamAnswer } from '../stream-answer.ts';
import { openClient } from './open-client.ts';

const teamColumns: readonly Column[] = [
  ...columns('name', 'mode'),
  {
    title: 'MEMBERS',
    value: (row) =>
      rowsOf(row['members'] ?? [])
        .map((member) => plainText(member['name']))
        .join(', '),
  },
  ...columns('description'),
];

interface RunOptions extends GlobalOptions {
  readonly message?: string;
  readonly inputs?: string;
  readonly session?: string;
}

/** `agent33 teams …`: agents that work together. */
export function registerTeams(program: Command, context: CliContext): void {
  const teams = program.command('teams').description('teams of the server');
  const address = (name: string, rest = ''): string => `/api/v1/teams/${encodeURIComponent(name)}${rest}`;
  teams
    .command('list')
    .description('all teams')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/teams');
      printRows(context, outputFormat(command.optsWithGlobals<GlobalOptions>()), rowsOf(body), teamColumns);
    });
  teams
    .command('show <name>')
    .description('one team with its definition')
    .action(async (name: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', address(name));
      printValue(context, outputFormat(command.optsWithGlobals<GlobalOptions>()), body);
    });
  teams
    .command('run <name>')
    .description('run a team and print its answer')
    .option('-m, --message <text>', 'input as plain text')
    .option('--inputs <json>', 'input as a JSON object; @FILE reads a file, - reads standard input')
    .option('--session <id>', 'conversation to continue')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RunOptions>();
      if (options.message !== undefined && options.inputs !== undefined)
        throw usageError('--message and --inputs exclude each other');
      const input = options.message ?? (await readInputs(context, options.inputs));
      const body = { input, ...(options.session === undefined ? {} : { session_id: options.session }) };
      const client = openClient(context, command);
      const format = outputFormat(options);
      const execute = address(name, '/execute');
      if (format === 'table')
        await streamAnswer(context, client.stream('POST', execute, { body: { ...body, stream: true } }));
      else printValue(context, format, await client.call('POST', execute, { body, timeoutMs: waitMs }));
    });
}
