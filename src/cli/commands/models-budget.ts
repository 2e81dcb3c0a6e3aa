import type { Command } from 'commander';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { ApiClient } from '../api-client.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { usageError } from '../cli-error.ts';
import { columns, outputFormat, plainText, printRows, rowsOf, type Column } from '../output.ts';
import { addLimitOptions, limitsOfFlags, type LimitOptions } from './limit-options.ts';
import { openClient } from './open-client.ts';

/** One line for each budget of each subject that was used, or for the limits of a subject without one. */
function linesOf(row: JsonObject): readonly JsonObject[] {
  const effective = isJsonObject(row['effective']) ? row['effective'] : {};
  const from = [
    isJsonObject(row['stored']) ? 'api' : [],
    isJsonObject(row['file']) ? 'agent33.yaml' : [],
  ].flat();
  const base: JsonObject = {
    subject: row['subject'],
    rpm: effective['rpm'],
    tpm: effective['tpm'],
    parallel: effective['parallel'],
    from: from.length === 0 ? null : from.join(', '),
  };
  const limits = rowsOf(effective['budgets'] ?? []);
  const used = rowsOf(row['use'] ?? []).flatMap((use) =>
    rowsOf(use['budgets'] ?? []).map((budget): JsonObject => ({
      ...base,
      subject: use['subject'],
      ...budget,
    })),
  );
  if (used.length > 0) return used;
  return limits.length === 0 ? [base] : limits.map((budget): JsonObject => ({ ...base, ...budget }));
}

const money = (title: string, field: string): Column => ({
  title,
  value: (row) => (typeof row[field] === 'number' ? `$${Number(row[field].toFixed(6))}` : undefined),
});

const shown: readonly Column[] = [
  ...columns('subject', 'rpm', 'tpm', 'parallel'),
  {
    title: 'BUDGET',
    value: (row) =>
      row['usd'] === undefined ? undefined : `$${plainText(row['usd'])}/${plainText(row['period'])}`,
  },
  money('SPENT', 'spent_usd'),
  money('RESERVED', 'reserved_usd'),
  { title: 'BEGINS ANEW', value: (row) => row['resets_at'] },
  { title: 'FROM', value: (row) => row['from'] },
];

const address = (subject: string, rest = ''): string =>
  `/api/v1/limits/${encodeURIComponent(subject)}${rest}`;

/** The limits that are stored for a subject, none for a new one. */
async function storedLimits(client: ApiClient, subject: string): Promise<JsonObject> {
  const body = await client.call('GET', address(subject));
  if (!isJsonObject(body) || !isJsonObject(body['stored'])) return {};
  const { updated_by: _by, updated_at: _at, ...values } = body['stored'];
  return values;
}

/** `agent33 models budget …`: limits and budgets of those who call models. */
export function registerModelBudget(models: Command, context: CliContext): void {
  const budget = models.command('budget').description('limits and budgets of those who call models');
  const print = (command: Command, body: Json, rows: readonly JsonObject[]): void => {
    const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
    if (format === 'table') printRows(context, format, rows.flatMap(linesOf), shown);
    else printRows(context, format, rowsOf(body), []);
  };
  budget
    .command('list')
    .description('all limits, with what was used')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/limits');
      print(command, body, rowsOf(body));
    });
  addLimitOptions(
    budget
      .command('set <subject>')
      .description(
        'limit tenant, key:NAME, user:NAME, team:NAME, agent:NAME or tag:NAME; key:* and so on for each, run:* for each run',
      ),
  ).action(async (subject: string, options: LimitOptions, command: Command) => {
    const wanted = limitsOfFlags(options);
    if (Object.keys(wanted).length === 0)
      throw usageError(
        'nothing to set; name at least one of --rpm, --tpm, --parallel, --budget, --allow-unpriced',
      );
    const client = openClient(context, command);
    const body = await client.call('PUT', address(subject), {
      body: { ...(await storedLimits(client, subject)), ...wanted },
    });
    print(command, [body], isJsonObject(body) ? [body] : []);
  });
  budget
    .command('reset <subject>')
    .description('begin its budgets anew: what was spent in the present period counts as 0')
    .action(async (subject: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('POST', address(subject, '/reset'));
      say(context, `the budgets of ${subject} begin anew`);
    });
  budget
    .command('remove <subject>')
    .description('remove limits that were set; those of agent33.yaml go on to hold')
    .action(async (subject: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('DELETE', address(subject));
      say(context, `the limits of ${subject} are removed`);
    });
}
