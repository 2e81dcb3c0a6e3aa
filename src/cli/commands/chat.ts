import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { isJsonObject, type JsonObject } from '../../base/index.ts';
import type { ApiClient } from '../api-client.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { toCliError, usageError } from '../cli-error.ts';
import { outputFormat, printValue } from '../output.ts';
import { streamAnswer } from '../stream-answer.ts';
import { openClient } from './open-client.ts';

interface ChatOptions extends GlobalOptions {
  readonly message?: string;
  readonly team?: string;
  readonly session?: string;
}

/** Longer than any server keeps a waiting caller. */
const waitMs = 3_600_000;

/** A conversation at the terminal; ends with /exit, end of input or an interrupt. */
async function converse(context: CliContext, client: ApiClient, start: JsonObject): Promise<void> {
  const lines = createInterface({ input: context.stdin, output: context.stderr, terminal: true });
  // Ctrl-C at the prompt ends the conversation as /exit does.
  lines.on('SIGINT', () => lines.close());
  say(context, 'Type a message. /new begins a new conversation, /exit ends.');
  let session = start['session_id'];
  try {
    lines.setPrompt('> ');
    lines.prompt();
    for await (const line of lines) {
      const message = line.trim();
      if (message === '/exit') return;
      if (message === '/new') {
        session = undefined;
        say(context, 'A new conversation.');
      } else if (message !== '') {
        const body: JsonObject = { ...start, session_id: session, message, stream: true };
        try {
          const answer = await streamAnswer(context, client.stream('POST', '/api/v1/chat', { body }));
          if (isJsonObject(answer)) session = answer['session_id'] ?? session;
        } catch (error) {
          if (context.signal.aborted) throw error;
          const { message: problem, hint } = toCliError(error);
          say(context, hint === undefined ? problem : `${problem}\n  ${hint}`);
        }
      }
      lines.prompt();
    }
  } finally {
    lines.close();
  }
}

/** `agent33 chat [AGENT]`: talk to an agent, at the terminal or with one message. */
export function registerChat(program: Command, context: CliContext): void {
  program
    .command('chat [agent]')
    .description('talk to an agent or a team; with -m or piped input, one message and its answer')
    .option('-m, --message <text>', 'say this and end after the answer')
    .option('--team <name>', 'talk to a team instead')
    .option('--session <id>', 'conversation to continue')
    .action(async (agent: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ChatOptions>();
      if (agent !== undefined && options.team !== undefined)
        throw usageError('an agent and --team exclude each other');
      const format = outputFormat(options);
      const client = openClient(context, command);
      const start: JsonObject = {
        ...(agent === undefined ? {} : { agent }),
        ...(options.team === undefined ? {} : { team: options.team }),
        ...(options.session === undefined ? {} : { session_id: options.session }),
      };
      if (options.message === undefined && context.stdin.isTTY === true) {
        await converse(context, client, start);
        return;
      }
      const message = (options.message ?? (await text(context.stdin))).trim();
      if (message === '') throw usageError('there is no message', 'write it with -m "…" or pipe it in');
      if (format === 'table') {
        const body = { ...start, message, stream: true };
        await streamAnswer(context, client.stream('POST', '/api/v1/chat', { body }));
      } else {
        const body = { ...start, message };
        printValue(context, format, await client.call('POST', '/api/v1/chat', { body, timeoutMs: waitMs }));
      }
    });
}
