import type { Command } from 'commander';
import { isJsonObject } from '../../base/index.ts';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import { outputFormat, printValue } from '../output.ts';
import { readInputs, waitMs } from '../read-inputs.ts';
import { streamAnswer } from '../stream-answer.ts';
import { openClient } from './open-client.ts';

interface RunOptions extends GlobalOptions {
  readonly inputs?: string;
  readonly message?: string;
  readonly session?: string;
}

/** `agent33 run NAME --inputs '{…}'`: one run, its answer streamed. */
export function registerRun(program: Command, context: CliContext): void {
  program
    .command('run <name>')
    .description('run an agent and print its answer')
    .option('--inputs <json>', 'input as a JSON object; @FILE reads a file, - reads standard input')
    .option('-m, --message <text>', 'input as plain text')
    .option('--session <id>', 'conversation to continue')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RunOptions>();
      if (options.message !== undefined && options.inputs !== undefined) {
        throw usageError('--message and --inputs exclude each other');
      }
      const format = outputFormat(options);
      const client = openClient(context, command);
      const input = options.message ?? (await readInputs(context, options.inputs));
      const address = `/api/v1/agents/${encodeURIComponent(name)}/execute`;
      const body = { input, ...(options.session === undefined ? {} : { session_id: options.session }) };
      if (format === 'table') {
        await streamAnswer(context, client.stream('POST', address, { body: { ...body, stream: true } }));
        return;
      }
      const answer = await client.call('POST', address, { body, timeoutMs: waitMs });
      printValue(context, format, answer);
      const status = isJsonObject(answer) ? answer['status'] : undefined;
      if (typeof status === 'string' && status !== 'completed') {
        throw new CliError(`the run ended as ${status}`, {
          exitCode: status === 'timeout' ? exitCodes.timeout : exitCodes.failed,
        });
      }
    });
}
