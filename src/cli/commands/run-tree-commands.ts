import type { Command } from 'commander';
import { isJsonObject, type JsonObject } from '../../base/index.ts';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import { columns, outputFormat, plainText, printRows, printValue, rowsOf, type Column } from '../output.ts';
import { treeLines, treeOf } from '../run-tree.ts';
import { watchRun } from '../watch-run.ts';
import { openClient } from './open-client.ts';

function milliseconds({ started_at: from, ended_at: to }: JsonObject): number | undefined {
  return typeof from === 'string' && typeof to === 'string' ? Date.parse(to) - Date.parse(from) : undefined;
}

const nodeColumns: readonly Column[] = [
  ...columns('id', 'label', 'kind', 'status', 'attempts'),
  { title: 'MS', value: (row) => milliseconds(row) },
  { title: 'AFTER', value: (row) => row['after'] },
  { title: 'RUN', value: (row) => row['run_id'] },
];

/** The nodes of a graph, each with those that it comes after. */
function nodeRows(graph: JsonObject): readonly JsonObject[] {
  const edges = rowsOf(graph['edges'] ?? []);
  return rowsOf(graph['nodes'] ?? []).map((node) => {
    const after = edges
      .filter((edge) => edge['to'] === node['id'] && edge['kind'] !== 'contains')
      .map((edge) => plainText(edge['from']));
    return { ...node, after: after.length === 0 ? null : after.join(', ') };
  });
}

/** `agent33 runs tree|graph|watch`: what a run is made of. */
export function registerRunTree(runs: Command, context: CliContext): void {
  const address = (id: string, rest: string): string => `/api/v1/runs/${encodeURIComponent(id)}${rest}`;
  runs
    .command('tree <id>')
    .description('a run and the runs below it')
    .action(async (id: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', address(id, '/tree'));
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      if (format !== 'table') printValue(context, format, body);
      else context.stdout.write(`${treeLines(treeOf(body)).join('\n')}\n`);
    });
  runs
    .command('graph <id>')
    .description('what a run did, does and will do, with states and times')
    .action(async (id: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', address(id, '/graph'));
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      if (format === 'table' && isJsonObject(body)) printRows(context, format, nodeRows(body), nodeColumns);
      else printValue(context, format, body);
    });
  runs
    .command('watch <id>')
    .description('a run and the runs below it as they go on, until it ends')
    .action((id: string, _options: unknown, command: Command) =>
      watchRun(context, openClient(context, command), id),
    );
}
