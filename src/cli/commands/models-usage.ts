import type { Command } from 'commander';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { columns, outputFormat, plainText, printRows, printValue, rowsOf, type Column } from '../output.ts';
import { openClient } from './open-client.ts';

/** Flags that narrow the report, as the API names them. */
const filters = [
  'model',
  'group',
  'provider',
  'key',
  'user',
  'team',
  'agent',
  'tag',
  'run',
  'status',
] as const;

interface UsageOptions extends Partial<Record<(typeof filters)[number], string>> {
  readonly by: string;
  readonly from: string;
  readonly to?: string;
  readonly limit?: string;
  readonly calls?: boolean;
}

const usdColumn: Column = {
  title: 'COST',
  value: (row) => {
    const cost = row['cost_usd'];
    if (typeof cost !== 'number') return 'unknown';
    const unpriced = row['unpriced_requests'];
    // Small amounts are the usual ones here.
    const text = cost !== 0 && cost < 1 ? cost.toPrecision(3).replace(/\.?0+$/, '') : cost.toFixed(2);
    return typeof unpriced === 'number' && unpriced > 0 ? `$${text} + ?` : `$${text}`;
  },
};

function milliseconds(title: string, field: string): Column {
  return { title, value: (row) => (typeof row[field] === 'number' ? `${Math.round(row[field])} ms` : null) };
}

const figures: readonly Column[] = [
  ...columns('requests', 'errors'),
  { title: 'CACHED', value: (row) => row['cached_requests'] },
  { title: 'INPUT', value: (row) => row['input_tokens'] },
  { title: 'OUTPUT', value: (row) => row['output_tokens'] },
  usdColumn,
  milliseconds('LATENCY', 'avg_latency_ms'),
  milliseconds('FIRST TOKEN', 'avg_first_token_ms'),
];

const callColumns: readonly Column[] = [
  ...columns('at', 'model', 'deployment', 'status'),
  { title: 'INPUT', value: (row) => row['input_tokens'] },
  { title: 'OUTPUT', value: (row) => row['output_tokens'] },
  usdColumn,
  milliseconds('DURATION', 'duration_ms'),
  ...columns('principal'),
];

/** A column for each grouping; the sum of all says so in the first. */
function groupColumns(names: readonly string[]): readonly Column[] {
  return names.map((name, index) => ({
    title: name.toUpperCase(),
    value: (row) => {
      const by = row['by'];
      if (!isJsonObject(by)) return index === 0 ? 'total' : '';
      const value = plainText(by[name]);
      return name === 'key' && typeof row['key_name'] === 'string' ? `${value} (${row['key_name']})` : value;
    },
  }));
}

function printReport(context: CliContext, body: Json, by: readonly string[]): void {
  if (!isJsonObject(body) || !isJsonObject(body['totals'])) return;
  const rows: readonly JsonObject[] = [...rowsOf(body['groups'] ?? []), body['totals']];
  printRows(context, 'table', rows, [...groupColumns(by.length === 0 ? ['sum'] : by), ...figures]);
  if (body['truncated'] === true) say(context, 'there are more groups; --limit shows them');
  if (Number(body['totals']['unpriced_requests']) > 0)
    say(
      context,
      '"+ ?" and "unknown": some models have no price; name it under models.prices of agent33.yaml',
    );
}

/** `agent33 models usage`: what calls of models used and cost. */
export function registerModelUsage(models: Command, context: CliContext): void {
  const command = models
    .command('usage')
    .description('what calls of models used and cost')
    .option(
      '--by <names>',
      'day, hour, model, group, deployment, provider, key, user, team, agent, tag, run, status, operation; up to three, comma-separated',
      'model',
    )
    .option('--from <time>', 'since then: a time, or how long ago', '30d')
    .option('--to <time>', 'until then')
    .option('--limit <count>', 'most groups, or calls')
    .option('--calls', 'single calls, the newest first');
  for (const name of filters) command.option(`--${name} <name>`, `only of that ${name}`);
  command.action(async (options: UsageOptions, self: Command) => {
    const query = new URLSearchParams({ from: options.from });
    if (options.to !== undefined) query.set('to', options.to);
    if (options.limit !== undefined) query.set('limit', options.limit);
    for (const name of filters) if (options[name] !== undefined) query.set(name, options[name]);
    const format = outputFormat(self.optsWithGlobals<GlobalOptions>());
    const client = openClient(context, self);
    if (options.calls === true) {
      const body = await client.call('GET', `/api/v1/usage/calls?${query.toString()}`);
      printRows(context, format, rowsOf(body), callColumns);
      return;
    }
    const by = options.by === 'none' ? '' : options.by;
    query.set('group_by', by);
    const body = await client.call('GET', `/api/v1/usage?${query.toString()}`);
    if (format === 'table') printReport(context, body, by === '' ? [] : by.split(','));
    else if (format === 'jsonl')
      printRows(context, format, isJsonObject(body) ? rowsOf(body['groups'] ?? []) : [], []);
    else printValue(context, format, body);
  });
}
