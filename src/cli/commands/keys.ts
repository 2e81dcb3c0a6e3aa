import type { Command } from 'commander';
import { isJsonObject } from '../../base/index.ts';
import { permissionScopes } from '../../protocol/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { usageError } from '../cli-error.ts';
import { columns, outputFormat, printRows, printValue, rowsOf } from '../output.ts';
import { addLimitOptions, collect, limitsOfFlags, type LimitOptions } from './limit-options.ts';
import { openClient } from './open-client.ts';

interface CreateOptions extends LimitOptions {
  readonly scopes: string;
  readonly expiresInDays?: string;
  readonly team?: string;
  readonly user?: string;
  readonly tag?: readonly string[];
  readonly model?: readonly string[];
}

function parseScopes(text: string): readonly string[] {
  const scopes = text.split(',').map((scope) => scope.trim());
  const known: readonly string[] = permissionScopes;
  const wrong = scopes.filter((scope) => !known.includes(scope));
  if (wrong.length === 0) return scopes;
  throw usageError(`unknown scope ${wrong.join(', ')}; expected some of ${permissionScopes.join(', ')}`);
}

function parseDays(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw usageError(`--expires-in-days ${text} is no number of days; expected a whole number above 0`);
}

/** `agent33 keys …`: API keys. */
export function registerKeys(program: Command, context: CliContext): void {
  const keys = program.command('keys').description('API keys');
  addLimitOptions(
    keys
      .command('create <name>')
      .description('make a key; it is shown once and never again')
      .option('--scopes <list>', 'what it may do, comma-separated', 'agents:read,agents:invoke,runs:read')
      .option('--expires-in-days <days>', 'lifetime')
      .option('--team <name>', 'team that its limits and usage count for')
      .option('--user <name>', 'for whom alone it speaks')
      .option('--tag <name>', 'tag of every call of a model with it; may be repeated', collect)
      .option(
        '--model <name>',
        'model it may call, or a pattern such as openai/gpt-5*; may be repeated',
        collect,
      ),
  ).action(async (name: string, options: CreateOptions, command: Command) => {
    const { expiresInDays, team, user, tag, model } = options;
    const limits = limitsOfFlags(options);
    const body = await openClient(context, command).call('POST', '/api/v1/auth/keys', {
      body: {
        name,
        scopes: parseScopes(options.scopes),
        ...(expiresInDays === undefined ? {} : { expires_in_days: parseDays(expiresInDays) }),
        ...(team === undefined ? {} : { team }),
        ...(user === undefined ? {} : { user }),
        ...(tag === undefined ? {} : { tags: tag }),
        ...(model === undefined ? {} : { models: model }),
        ...(Object.keys(limits).length === 0 ? {} : { limits }),
      },
    });
    const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
    if (format === 'table' && isJsonObject(body) && typeof body['key'] === 'string') {
      context.stdout.write(`${body['key']}\n`);
      say(context, 'keep it now: it is not stored and cannot be shown again');
    } else printValue(context, format, body);
  });
  keys
    .command('list')
    .description('all keys, without their secrets')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/auth/keys');
      printRows(
        context,
        outputFormat(command.optsWithGlobals<GlobalOptions>()),
        rowsOf(body),
        columns(
          'id',
          'name',
          'hint',
          'team',
          'user',
          'models',
          'scopes',
          'expires_at',
          'revoked_at',
          'last_used_at',
        ),
      );
    });
  keys
    .command('revoke <id>')
    .description('refuse a key from now on')
    .action(async (id: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('DELETE', `/api/v1/auth/keys/${encodeURIComponent(id)}`);
      say(context, `key ${id} revoked`);
    });
}
