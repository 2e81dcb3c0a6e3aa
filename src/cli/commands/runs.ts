import type { Command } from 'commander';
import { isJsonObject, tryParseJson, type JsonObject } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { usageError } from '../cli-error.ts';
import { columns, outputFormat, printRows, printValue, rowsOf, type Column } from '../output.ts';
import { openClient } from './open-client.ts';
import { registerRunTree } from './run-tree-commands.ts';
import { registerRunHistory } from './run-history.ts';

const first =
  (...names: readonly string[]): Column['value'] =>
  (row) =>
    names.map((name) => row[name]).find((value) => value !== undefined);

const runColumns: readonly Column[] = [
  { title: 'ID', value: first('id', 'run_id') },
  { title: 'STATUS', value: first('status') },
  {
    title: 'TARGET',
    value: (row) =>
      isJsonObject(row['target']) ? row['target']['name'] : first('agent', 'target_name', 'target')(row),
  },
  { title: 'CREATED', value: first('created_at', 'createdAt') },
  { title: 'ENDED', value: first('ended_at', 'endedAt') },
];

const stepColumns: readonly Column[] = [
  { title: 'STEP', value: first('key') },
  { title: 'KIND', value: first('kind') },
  { title: 'STATUS', value: first('status') },
  { title: 'MS', value: first('duration_ms', 'durationMs') },
];

interface ListOptions extends GlobalOptions {
  readonly status?: string;
  readonly agent?: string;
  readonly kind?: string;
  readonly target?: string;
  readonly parent?: string;
  readonly root?: string;
  readonly limit?: string;
}

interface SignalOptions {
  readonly payload: string;
  readonly id?: string;
}

/** `agent33 runs …`: what was executed. */
export function registerRuns(program: Command, context: CliContext): void {
  const runs = program.command('runs').description('executions of agents, teams and workflows');
  const address = (id: string, rest = ''): string => `/api/v1/runs/${encodeURIComponent(id)}${rest}`;
  runs
    .command('list')
    .description('runs, the newest first')
    .option('--status <status>', 'only runs in this state')
    .option('--agent <name>', 'only runs of this agent')
    .option('--kind <kind>', 'only runs of agents, teams or workflows: agent, team, workflow')
    .option('--target <name>', 'only runs of this agent, team or workflow')
    .option('--parent <id>', 'only the children of this run')
    .option('--root <id>', 'only the runs below this outermost run')
    .option('--limit <count>', 'how many', '20')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>();
      const query = new URLSearchParams();
      for (const name of ['status', 'agent', 'target', 'parent', 'root', 'limit'] as const) {
        const value = options[name];
        if (value !== undefined) query.set(name, value);
      }
      if (options.kind !== undefined) query.set('target_kind', options.kind);
      const body = await openClient(context, command).call('GET', `/api/v1/runs?${query.toString()}`);
      printRows(context, outputFormat(options), rowsOf(body), runColumns);
    });
  runs
    .command('show <id>')
    .description('one run with its input, output and usage')
    .action(async (id: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', address(id));
      printValue(context, outputFormat(command.optsWithGlobals<GlobalOptions>()), body);
    });
  runs
    .command('steps <id>')
    .description('the journal of a run: model calls, tool calls and their results')
    .action(async (id: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', address(id, '/steps'));
      printRows(context, outputFormat(command.optsWithGlobals<GlobalOptions>()), rowsOf(body), stepColumns);
    });
  runs
    .command('events <id>')
    .description('what happened in a run; follows it until it ends')
    .option('--after <sequence>', 'begin after this event', '0')
    .action(async (id: string, options: { after: string }, command: Command) => {
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      const query = `/events?after=${encodeURIComponent(options.after)}`;
      for await (const { name, id: sequence, data } of openClient(context, command).stream(
        'GET',
        address(id, query),
      )) {
        const row: JsonObject = { sequence, type: name, data };
        if (format === 'table')
          context.stdout.write(`${sequence ?? '-'}\t${name}\t${JSON.stringify(data)}\n`);
        // A stream has no end to wait for: one object per line, whatever form of JSON was asked for.
        else if (format === 'yaml') printRows(context, 'yaml', [row], columns());
        else printValue(context, 'jsonl', row);
      }
    });
  runs
    .command('signal <id> <name>')
    .description('tell a waiting run something; the same --id twice has one effect')
    .option('--payload <json>', 'what it is told', 'null')
    .option('--id <id>', 'id of the signal; a fresh one when left out')
    .action(async (id: string, name: string, options: SignalOptions, command: Command) => {
      const payload = tryParseJson(options.payload);
      if (payload === undefined)
        throw usageError('--payload: expected JSON, such as \'"yes"\' or \'{"a": 1}\'');
      await openClient(context, command).call('POST', address(id, `/signals/${encodeURIComponent(name)}`), {
        body: { payload, ...(options.id === undefined ? {} : { id: options.id }) },
      });
      say(context, `run ${id} has been told "${name}"`);
    });
  runs
    .command('cancel <id>')
    .description('end a run that is queued, running or waiting')
    .action(async (id: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('POST', address(id, '/cancel'));
      say(context, `run ${id} is being cancelled`);
    });
  registerRunTree(runs, context);
  registerRunHistory(runs, context);
}
