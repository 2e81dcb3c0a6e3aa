import type { Command } from 'commander';
import { isJsonObject, type Json } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { outputFormat, plainText, printRows, printValue, rowsOf, type Column } from '../output.ts';
import { openClient } from './open-client.ts';

const sessionColumns: readonly Column[] = [
  { title: 'ID', value: (row) => row['id'] ?? row['session_id'] },
  { title: 'KEY', value: (row) => row['key'] ?? row['session_key'] },
  { title: 'UPDATED', value: (row) => row['updated_at'] ?? row['last_active_at'] ?? row['updatedAt'] },
];

function spoken(message: Json): string {
  if (!isJsonObject(message)) return '';
  const inner = isJsonObject(message['message']) ? message['message'] : message;
  const { role, content } = inner;
  return `${plainText(role)}: ${plainText(content)}\n`;
}

/** `agent33 sessions …`: conversations. */
export function registerSessions(program: Command, context: CliContext): void {
  const sessions = program.command('sessions').description('conversations');
  const address = (id: string, rest = ''): string => `/api/v1/sessions/${encodeURIComponent(id)}${rest}`;
  sessions
    .command('list')
    .description('conversations, the newest first')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/sessions');
      printRows(
        context,
        outputFormat(command.optsWithGlobals<GlobalOptions>()),
        rowsOf(body),
        sessionColumns,
      );
    });
  sessions
    .command('show <id>')
    .description('what was said in a conversation')
    .action(async (id: string, _options: unknown, command: Command) => {
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      const body = await openClient(context, command).call('GET', address(id, '/messages'));
      if (format !== 'table') printValue(context, format, body);
      else for (const message of rowsOf(body)) context.stdout.write(spoken(message));
    });
  sessions
    .command('delete <id>')
    .description('delete a conversation and its history')
    .action(async (id: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('DELETE', address(id));
      say(context, `session ${id} deleted`);
    });
}
