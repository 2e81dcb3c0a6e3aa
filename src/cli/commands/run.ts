import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { isJsonObject, tryParseJson, type Json } from '../../base/index.ts';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import { outputFormat, printValue } from '../output.ts';
import { streamAnswer } from '../stream-answer.ts';
import { openClient } from './open-client.ts';

/** Longer than any server keeps a waiting caller. */
const waitMs = 3_600_000;

async function readInputs(context: CliContext, given: string | undefined): Promise<Json> {
  if (given === undefined) return {};
  const source =
    given === '-'
      ? await text(context.stdin)
      : given.startsWith('@')
        ? await readFile(path.resolve(context.cwd, given.slice(1)), 'utf8').catch((error: unknown) => {
            throw usageError(`--inputs ${given} cannot be read: ${(error as Error).message}`);
          })
        : given;
  const inputs = tryParseJson(source);
  if (isJsonObject(inputs) || typeof inputs === 'string') return inputs;
  throw usageError(
    `--inputs is no JSON object: ${source.slice(0, 60)}`,
    `write it like --inputs '{"message": "hello"}', or give a file as --inputs @inputs.json`,
  );
}

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
