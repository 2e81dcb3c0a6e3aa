import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import { outputFormat, plainText, printRows, printValue, rowsOf, type Column } from '../output.ts';
import { findProjectDir } from '../project-folder.ts';
import { jsonOrText } from '../read-inputs.ts';
import { openClient } from './open-client.ts';

const address = (id: string, rest: string): string => `/api/v1/runs/${encodeURIComponent(id)}${rest}`;

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

/** `inputs.x=3` and the like: the value as JSON where it is some, else as text. */
function readSet(pairs: readonly string[]): JsonObject {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw usageError(`--set ${pair}: expected PATH=VALUE, such as inputs.topic="rain"`);
      const text = pair.slice(at + 1);
      return [pair.slice(0, at), jsonOrText(text)];
    }),
  );
}

function field(body: Json | undefined, ...steps: readonly string[]): Json | undefined {
  let value = body;
  for (const step of steps) value = isJsonObject(value) ? value[step] : undefined;
  return value;
}

function differenceLines(rows: readonly JsonObject[]): string {
  return rows
    .map(({ path: place, before, after }) => {
      const lines = [`  at ${plainText(place) === '' ? 'the whole' : plainText(place)}`];
      if (before !== undefined) lines.push(`    - ${JSON.stringify(before)}`);
      if (after !== undefined) lines.push(`    + ${JSON.stringify(after)}`);
      return `${lines.join('\n')}\n`;
    })
    .join('');
}

const sideOf = (row: JsonObject, side: 'a' | 'b', name: string): string => {
  const value = field(row[side], name);
  return value === undefined || value === null ? '-' : plainText(value);
};

const diffColumns: readonly Column[] = [
  {
    title: '',
    value: (row) => (row['same'] === true ? '=' : row['a'] === null ? '+' : row['b'] === null ? '-' : '≠'),
  },
  { title: 'STEP', value: (row) => row['step'] },
  { title: 'KIND', value: (row) => field(row['a'], 'kind') ?? field(row['b'], 'kind') },
  { title: 'A', value: (row) => sideOf(row, 'a', 'status') },
  { title: 'B', value: (row) => sideOf(row, 'b', 'status') },
  { title: 'MS A', value: (row) => sideOf(row, 'a', 'duration_ms') },
  { title: 'MS B', value: (row) => sideOf(row, 'b', 'duration_ms') },
  {
    title: 'DIFFERS AT',
    value: (row) => {
      const { output } = row;
      return Array.isArray(output) && output.length > 0
        ? (output as readonly JsonObject[]).map((one) => plainText(one['path']) || 'output').join(', ')
        : '';
    },
  },
];

interface ForkOptions extends GlobalOptions {
  readonly from: string;
  readonly set: readonly string[];
  readonly input?: string;
  readonly model?: string;
  readonly current?: boolean;
  readonly effects?: boolean;
  readonly session?: boolean;
}

/** What can be done with a run afterwards: `agent33 runs replay|fork|diff|export|resume|retry`. */
export function registerRunHistory(runs: Command, context: CliContext): void {
  const printNew = (command: Command, body: Json): void => {
    const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
    if (format === 'table') context.stdout.write(`${plainText(field(body, 'run_id'))}\n`);
    else printValue(context, format, body);
    say(context, `watch it with: agent33 runs events ${plainText(field(body, 'run_id'))}`);
  };

  runs
    .command('replay <id>')
    .description('execute a run again from its journal alone, and name the first difference')
    .option('--current', 'with the definition of today, not the one that the run started with')
    .action(async (id: string, options: { current?: boolean }, command: Command) => {
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      const body = await openClient(context, command).call('POST', address(id, '/replay'), {
        body: { against: options.current === true ? 'current' : 'recorded' },
        timeoutMs: 90_000,
      });
      if (format !== 'table') printValue(context, format, body);
      const message = plainText(field(body, 'difference', 'message'));
      if (field(body, 'identical') === true) {
        if (format === 'table')
          context.stdout.write(
            `identical: ${plainText(field(body, 'steps'))} steps answered from the journal\n`,
          );
        return;
      }
      if (format === 'table') {
        context.stdout.write(`${message}\n`);
        context.stdout.write(differenceLines(rowsOf(field(body, 'difference', 'differences') ?? null)));
        const changes = rowsOf(field(body, 'definition_changes') ?? null);
        if (changes.length > 0)
          context.stdout.write(
            `the definition changed at ${changes.map((one) => plainText(one['path'])).join(', ')}\n`,
          );
      }
      throw new CliError('the replay differs from the run', { exitCode: exitCodes.failed });
    });

  runs
    .command('fork <id>')
    .description('a new run that keeps what is not behind a step, and prints its id')
    .requiredOption(
      '--from <step>',
      'the first step to be done again, such as model:2, or each for a whole loop; see runs steps',
    )
    .option('--set <path=value>', 'inputs.NAME or steps.KEY.output; may be given again', collect, [])
    .option('--input <json>', 'in place of the whole input')
    .option(
      '--model <name>',
      "in place of the model of the agent, or the team's lead, whose step --from names",
    )
    .option('--current', 'with the definition of today, not the one that the run started with')
    .option('--effects', 'let it change things outside; without it such tools and actions refuse')
    .option('--session', "make its answer part of the run's conversation")
    .action(async (id: string, options: ForkOptions, command: Command) => {
      const input = options.input === undefined ? undefined : jsonOrText(options.input);
      const body = await openClient(context, command).call('POST', address(id, '/fork'), {
        body: {
          from: options.from,
          ...(options.set.length === 0 ? {} : { set: readSet(options.set) }),
          ...(input === undefined ? {} : { input }),
          ...(options.model === undefined ? {} : { model: options.model }),
          ...(options.current === true ? { definition: 'current' } : {}),
          ...(options.effects === true ? { effects: true } : {}),
          ...(options.session === true ? { session: true } : {}),
        },
      });
      printNew(command, body);
    });

  for (const [verb, description] of [
    ['resume', 'a new run that goes on where a failed or timed-out one stopped'],
    ['retry', 'a new run of the same request, with the definition of today'],
  ] as const) {
    runs
      .command(`${verb} <id>`)
      .description(description)
      .action(async (id: string, _options: unknown, command: Command) => {
        printNew(command, await openClient(context, command).call('POST', address(id, `/${verb}`)));
      });
  }

  runs
    .command('diff <a> <b>')
    .description('two runs side by side, step by step')
    .action(async (a: string, b: string, _options: unknown, command: Command) => {
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      const body = await openClient(context, command).call(
        'GET',
        address(a, `/diff/${encodeURIComponent(b)}`),
      );
      if (format !== 'table') {
        printValue(context, format, body);
        return;
      }
      printRows(context, format, rowsOf(field(body, 'steps') ?? null), diffColumns);
      for (const part of ['definition', 'input', 'output'] as const) {
        const rows = rowsOf(field(body, part) ?? null);
        if (rows.length > 0) context.stdout.write(`\n${part}\n${differenceLines(rows)}`);
      }
      const total = (side: 'a' | 'b'): string => {
        const of = (...steps: readonly string[]): string => plainText(field(body, side, ...steps));
        return `${of('id')}: ${of('status')}, ${of('steps')} steps, ${of('usage', 'input_tokens')}+${of('usage', 'output_tokens')} tokens, cost ${of('usage', 'cost_usd')}`;
      };
      context.stdout.write(`\nA ${total('a')}\nB ${total('b')}\n`);
    });

  runs
    .command('export <id>')
    .description('write a run as a cassette, without secrets, for agent33 test')
    .requiredOption('--cassette <file>', 'the file to write')
    .option('--redact-pii', 'take out e-mail addresses and telephone numbers, too')
    .action(async (id: string, options: { cassette: string; redactPii?: boolean }, command: Command) => {
      const query = options.redactPii === true ? '?redact_pii=true' : '';
      const body = await openClient(context, command).call('GET', address(id, `/cassette${query}`), {
        timeoutMs: 90_000,
      });
      const file = path.resolve(context.cwd, options.cassette);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, `${JSON.stringify(body, null, 2)}\n`);
      const global = command.optsWithGlobals<GlobalOptions>();
      const format = outputFormat(global);
      if (format !== 'table') printValue(context, format, { file });
      const dir = findProjectDir(context, global);
      const inFolder = path.relative(path.join(dir, 'cassettes'), file);
      const shown = path.relative(context.cwd, file);
      say(context, `written to ${shown}; look at it before you share it`);
      say(context, `play it with: agent33 test${inFolder.startsWith('..') ? ` ${shown}` : ''}`);
    });
}
