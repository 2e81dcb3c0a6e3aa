import type { Command } from 'commander';
import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import { columns, outputFormat, plainText, printRows, printValue, rowsOf } from '../output.ts';
import { openClient } from './open-client.ts';

interface Selection extends GlobalOptions {
  readonly all?: boolean;
  readonly kind?: string;
  readonly since?: string;
}

const prefix = '/api/v1/dead-letters';

/** Those named, or with `--all` those that fit. */
function selectionOf(ids: readonly string[], options: Selection): JsonObject {
  if (ids.length > 0 && options.all !== true) return { ids };
  if (ids.length > 0 || options.all !== true)
    throw usageError('name dead letters by their ids, or all of them with --all');
  const { kind, since } = options;
  return {
    filter: { ...(kind === undefined ? {} : { kind }), ...(since === undefined ? {} : { since }) },
  };
}

/** `agent33 dead-letters …`: what was given up, until somebody decides about it. */
export function registerDeadLetters(program: Command, context: CliContext): void {
  const letters = program
    .command('dead-letters')
    .description('what was given up: runs, deliveries, schedules');
  const formatOf = (command: Command) => outputFormat(command.optsWithGlobals<GlobalOptions>());

  const report = (command: Command, body: Json, done: string): void => {
    const results = isJsonObject(body) ? rowsOf(body['results'] ?? []) : [];
    const format = formatOf(command);
    if (format !== 'table') printValue(context, format, body);
    for (const one of results) {
      if (format !== 'table') break;
      const { id, ok, run_id: runId, error } = one;
      const reason = isJsonObject(error) ? plainText(error['message']) : '';
      const more = typeof runId === 'string' ? ` as ${runId}` : '';
      context.stdout.write(`${plainText(id)} ${ok === true ? `${done}${more}` : `not ${done}: ${reason}`}\n`);
    }
    if (isJsonObject(body) && body['more'] === true) say(context, 'there are more; run this again');
    const failed = results.filter((one) => one['ok'] !== true).length;
    if (failed > 0)
      throw new CliError(`${failed} of ${results.length} could not be ${done}`, {
        exitCode: exitCodes.failed,
      });
  };

  letters
    .command('list')
    .description('what is open, the newest first')
    .option('--kind <kind>', 'only run, delivery, schedule, sensor or job')
    .option('--reason <text>', 'only those whose reason holds this')
    .option('--since <time>', 'only those from then on, ISO 8601')
    .option('--status <status>', 'open, resolved or all', 'open')
    .option('--limit <count>', 'how many', '20')
    .action(async (options: Readonly<Record<string, string>>, command: Command) => {
      const query = new URLSearchParams();
      for (const name of ['kind', 'reason', 'since', 'status', 'limit'] as const) {
        const value = options[name];
        if (value !== undefined) query.set(name, value);
      }
      const body = await openClient(context, command).call('GET', `${prefix}?${query.toString()}`);
      const shown = columns('id', 'kind', 'ref', 'status', 'created_at', 'reason');
      printRows(context, formatOf(command), rowsOf(body), shown);
    });
  letters
    .command('show <id>')
    .description('one of them: why, what it is about, what a retry would send')
    .action(async (id: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', `${prefix}/${encodeURIComponent(id)}`);
      printValue(context, formatOf(command), body);
    });
  letters
    .command('retry [ids...]')
    .description('try again, as it was or changed')
    .option('--patch <json>', 'fields of the payload to replace, for a single one')
    .option('--all', 'all that are open and fit --kind and --since')
    .option('--kind <kind>', 'with --all: only of this kind')
    .option('--since <time>', 'with --all: only from then on, ISO 8601')
    .action(async (ids: string[], options: Selection & { patch?: string }, command: Command) => {
      const client = openClient(context, command);
      if (options.patch !== undefined) {
        const [id] = ids;
        const patch = tryParseJson(options.patch);
        if (id === undefined || ids.length > 1) throw usageError('--patch changes a single dead letter');
        if (!isJsonObject(patch)) throw usageError('--patch: expected a JSON object');
        const body = await client.call('POST', `${prefix}/${encodeURIComponent(id)}/retry`, {
          body: { patch },
        });
        const runId = isJsonObject(body) ? (body['run_id'] ?? null) : null;
        report(command, { results: [{ id, ok: true, run_id: runId, error: null }], more: false }, 'retried');
        return;
      }
      report(
        command,
        await client.call('POST', `${prefix}/retry`, { body: selectionOf(ids, options) }),
        'retried',
      );
    });
  letters
    .command('discard [ids...]')
    .description('put aside for good')
    .requiredOption('--reason <text>', 'why')
    .option('--all', 'all that are open and fit --kind and --since')
    .option('--kind <kind>', 'with --all: only of this kind')
    .option('--since <time>', 'with --all: only from then on, ISO 8601')
    .action(async (ids: string[], options: Selection & { reason: string }, command: Command) => {
      const body = { ...selectionOf(ids, options), reason: options.reason };
      report(
        command,
        await openClient(context, command).call('POST', `${prefix}/discard`, { body }),
        'discarded',
      );
    });
}
