import type { Command } from 'commander';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes } from '../cli-error.ts';
import { columns, outputFormat, plainText, printRows, printValue, rowsOf } from '../output.ts';
import { openClient } from './open-client.ts';

const prefix = '/api/v1/channels';
const address = (name: string, rest: string): string => `${prefix}/${encodeURIComponent(name)}${rest}`;
const formatOf = (command: Command) => outputFormat(command.optsWithGlobals<GlobalOptions>());
const rowsIn = (body: Json, field: string): readonly JsonObject[] => {
  const rows = isJsonObject(body) ? body[field] : undefined;
  return Array.isArray(rows) ? (rows as Json[]).filter(isJsonObject) : [];
};

/** `agent33 channels …`: accounts on chat platforms. */
export function registerChannels(program: Command, context: CliContext): void {
  const channels = program.command('channels').description('accounts on chat platforms');
  channels
    .command('list')
    .description('all channels: whether they are up, last message in and out, webhook address')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', prefix);
      const shown = columns(
        'name',
        'platform',
        'status',
        'last_in_at',
        'last_out_at',
        'webhook_path',
        'error',
      );
      printRows(context, formatOf(command), rowsOf(body), shown);
    });
  channels
    .command('test <name>')
    .description('whether it is up; with --to, send a text there')
    .option('--to <chat>', "the platform's id of the chat")
    .option('--text <text>', 'what to send')
    .action(async (name: string, options: { to?: string; text?: string }, command: Command) => {
      const body = {
        ...(options.to === undefined ? {} : { chat_id: options.to }),
        ...(options.text === undefined ? {} : { text: options.text }),
      };
      const shown = await openClient(context, command).call('POST', address(name, '/test'), { body });
      const format = formatOf(command);
      if (format !== 'table' || !isJsonObject(shown)) printValue(context, format, shown);
      else
        say(
          context,
          `${name}: ${plainText(shown['status'])}${options.to === undefined ? '' : ', text sent'}`,
        );
      const isUp = isJsonObject(shown) && (shown['status'] === 'up' || shown['status'] === 'standby');
      const reason = isJsonObject(shown) ? plainText(shown['error'] ?? shown['status']) : 'unknown';
      if (!isUp) throw new CliError(`channel ${name} is not up: ${reason}`, { exitCode: exitCodes.failed });
    });
  channels
    .command('retry <name>')
    .description('try answers now that wait for their next try')
    .action(async (name: string, _options: unknown, command: Command) => {
      const tried = await openClient(context, command).call('POST', address(name, '/retry'));
      const format = formatOf(command);
      if (format !== 'table' || !isJsonObject(tried)) printValue(context, format, tried);
      else say(context, `${name}: ${plainText(tried['retried'])} tried again`);
    });
  channels
    .command('messages <name>')
    .description('the newest messages, in and out')
    .option('--limit <count>', 'at most so many', '50')
    .action(async (name: string, options: { limit: string }, command: Command) => {
      const query = new URLSearchParams({ limit: options.limit });
      const path = address(name, `/messages?${query.toString()}`);
      const body = await openClient(context, command).call('GET', path);
      const shown = columns('at', 'direction', 'status', 'chat_id', 'user_id', 'text', 'error');
      printRows(context, formatOf(command), rowsOf(body), shown);
    });
  registerPairing(channels, context);
}

function registerPairing(channels: Command, context: CliContext): void {
  const pair = channels.command('pair').description('who may write in direct messages (access.dm: pairing)');
  pair
    .command('list <channel>')
    .description('who is paired; with --pending, who waits to be')
    .option('--pending', 'who waits')
    .action(async (name: string, options: { pending?: boolean }, command: Command) => {
      const body = await openClient(context, command).call('GET', address(name, '/pairings'));
      if (options.pending === true) {
        const shown = columns('user_id', 'user_name', 'created_at', 'expires_at');
        printRows(context, formatOf(command), rowsIn(body, 'pending'), shown);
        return;
      }
      const shown = columns('user_id', 'user_name', 'subject', 'paired_at', 'paired_by');
      printRows(context, formatOf(command), rowsIn(body, 'paired'), shown);
    });
  pair
    .command('approve <channel> <code>')
    .description('let in whoever was shown this code')
    .action(async (name: string, code: string, _options: unknown, command: Command) => {
      const path = address(name, '/pairings/approve');
      const paired = await openClient(context, command).call('POST', path, { body: { code } });
      const user = isJsonObject(paired) ? plainText(paired['user_id']) : '';
      say(context, `user ${user} may write to ${name}`);
    });
  pair
    .command('create <channel> <user>')
    .description('a code that this user sends as /pair CODE within 15 minutes')
    .option('--subject <name>', 'whom to link to, such as user:ada')
    .action(async (name: string, user: string, options: { subject?: string }, command: Command) => {
      const body = {
        user_id: user,
        ...(options.subject === undefined ? {} : { subject: options.subject }),
      };
      const made = await openClient(context, command).call('POST', address(name, '/pairings'), { body });
      printValue(context, formatOf(command), made);
    });
  pair
    .command('remove <channel> <user>')
    .description('end a pairing')
    .action(async (name: string, user: string, _options: unknown, command: Command) => {
      const path = address(name, `/pairings/${encodeURIComponent(user)}`);
      await openClient(context, command).call('DELETE', path);
      say(context, `user ${user} is no longer paired with ${name}`);
    });
}
