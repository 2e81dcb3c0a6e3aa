import type { Command } from 'commander';
import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { usageError } from '../cli-error.ts';
import { outputFormat, plainText, printRows, printValue } from '../output.ts';
import { openClient } from './open-client.ts';

const options = {
  source: 'source',
  channel: 'channel',
  account: 'account_id',
  channelId: 'channel_id',
  guildId: 'guild_id',
  user: 'user_id',
  chatType: 'chat_type',
} as const;

const targetText = (target: Json | undefined): string =>
  isJsonObject(target) ? `${plainText(target['kind'])} ${plainText(target['name'])}` : '-';

function metadataOf(text: string): JsonObject {
  const parsed = tryParseJson(text);
  if (!isJsonObject(parsed)) throw usageError('--metadata: expected a JSON object');
  return parsed;
}

/** `agent33 routes test`: which rule a message would follow, and why. */
export function registerRoutes(program: Command, context: CliContext): void {
  const routes = program.command('routes').description('what answers which message');
  routes
    .command('test [text]')
    .description('which rule a message would follow, and why; nothing is started')
    .option('--source <name>', 'where it comes from: telegram, discord, rest, …')
    .option('--channel <name>', 'name of the channel definition')
    .option('--account <id>', 'account of ours on the platform')
    .option('--channel-id <id>', 'chat or channel on the platform')
    .option('--guild-id <id>', 'server or workspace')
    .option('--user <id>', 'who wrote it')
    .option('--chat-type <type>', 'dm, group or channel')
    .option('--metadata <json>', 'metadata of the message')
    .action(async (text: string | undefined, given: Record<string, string>, command: Command) => {
      const body: Record<string, Json> = { content: text ?? '' };
      for (const [option, field] of Object.entries(options)) {
        const value = given[option];
        if (value !== undefined) body[field] = value;
      }
      if (given['metadata'] !== undefined) body['metadata'] = metadataOf(given['metadata']);
      const answer = await openClient(context, command).call('POST', '/api/v1/routes/test', { body });
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      if (format !== 'table' || !isJsonObject(answer)) {
        printValue(context, format, answer);
        return;
      }
      const rule = typeof answer['rule'] === 'string' ? ` "${answer['rule']}"` : '';
      say(context, `${targetText(answer['target'])}, by ${plainText(answer['reason'])}${rule}`);
      const considered = Array.isArray(answer['considered']) ? (answer['considered'] as Json[]) : [];
      printRows(context, format, considered.filter(isJsonObject), [
        { title: 'PRIORITY', value: (row) => row['priority'] },
        { title: 'RULE', value: (row) => row['rule'] },
        { title: 'TARGET', value: (row) => targetText(row['target']) },
        { title: 'OUTCOME', value: (row) => row['outcome'] },
        { title: 'FAILED', value: (row) => row['failed'] },
      ]);
    });
}
