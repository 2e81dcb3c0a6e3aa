import type { Command } from 'commander';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import { outputFormat, printRows, rowsOf, type Column } from '../output.ts';
import { openClient } from './open-client.ts';

const workerColumns: readonly Column[] = [
  { title: 'ID', value: (row) => row['id'] },
  { title: 'HOST', value: (row) => row['host'] },
  { title: 'PID', value: (row) => row['pid'] },
  {
    title: 'QUEUES',
    value: ({ roles }) => (Array.isArray(roles) && roles.length > 0 ? roles.join(',') : 'none'),
  },
  { title: 'RUNS', value: (row) => row['active_runs'] },
  {
    title: 'HEARTBEAT',
    value: ({ heartbeat_age_ms: age }) =>
      typeof age === 'number' ? `${(age / 1000).toFixed(1)} s ago` : undefined,
  },
  { title: 'STATE', value: (row) => (row['alive'] === true ? 'alive' : 'dead') },
];

/** `agent33 workers …`: processes of the installation. */
export function registerWorkers(program: Command, context: CliContext): void {
  const workers = program.command('workers').description('processes that work for the installation');
  workers
    .command('list')
    .description('servers and workers, what they do, and when they were last heard of')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/workers');
      printRows(context, outputFormat(command.optsWithGlobals<GlobalOptions>()), rowsOf(body), workerColumns);
    });
}
