import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { createColors } from 'picocolors';
import type { Json, JsonObject } from '../../base/index.ts';
import { isDecorated, say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import type { CliServices, PlayedCassetteFile } from '../cli-services.ts';
import { outputFormat, printValue } from '../output.ts';
import { findProjectDir } from '../project-folder.ts';

interface TestOptions extends GlobalOptions {
  readonly recorded?: boolean;
  readonly update?: boolean;
}

/** The cassettes that paths mean: files as they are, folders with all that is in them. */
async function cassettesAt(place: string): Promise<readonly string[]> {
  const found = await stat(place).catch(() => undefined);
  if (found === undefined) throw usageError(`there is no file or folder ${place}`);
  if (!found.isDirectory()) return [place];
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
}

function summary(results: readonly PlayedCassetteFile[]): string {
  const parts = (['passed', 'failed', 'updated'] as const).flatMap((status) => {
    const { length } = results.filter((one) => one.status === status);
    return length === 0 ? [] : [`${length} ${status}`];
  });
  return parts.join(', ');
}

function printResult(context: CliContext, result: PlayedCassetteFile): void {
  const { green, red, yellow, dim } = createColors(isDecorated(context, context.stdout));
  const marks = { passed: green('pass'), failed: red('FAIL'), updated: yellow('new ') };
  const { file, target, status, faults, difference, definitionChanges } = result;
  const lines = [`${marks[status]}  ${path.relative(context.cwd, file)}  ${dim(target ?? '')}`];
  if (status !== 'passed') {
    for (const fault of faults) lines.push(`      ${fault}`);
    for (const { path: place, before, after } of (difference?.differences ?? []).slice(0, 5)) {
      lines.push(`        at ${place === '' ? 'the whole' : place}`);
      if (before !== undefined) lines.push(red(`        - ${JSON.stringify(before)}`));
      if (after !== undefined) lines.push(green(`        + ${JSON.stringify(after)}`));
    }
    if (definitionChanges.length > 0)
      lines.push(
        dim(`      the definition changed at ${definitionChanges.map((one) => one.path).join(', ')}`),
      );
  }
  context.stdout.write(`${lines.join('\n')}\n`);
}

function resultToWire(context: CliContext, result: PlayedCassetteFile): JsonObject {
  const { file, target, status, faults, difference, definitionChanges } = result;
  return {
    file: path.relative(context.cwd, file),
    target: target ?? null,
    status,
    faults,
    difference: difference as unknown as Json,
    definition_changes: definitionChanges as unknown as Json,
  };
}

/** `agent33 test [paths…]`: recorded runs, played offline on the project's files. */
export function registerTest(program: Command, context: CliContext, services: CliServices): void {
  program
    .command('test [paths...]')
    .description('play cassettes on the definitions of the project, without server, database and network')
    .option('--recorded', 'play on the definitions in the cassettes, not on those of the project')
    .option('--update', 'write cassettes that differ anew, where no new recording is needed')
    .action(async (paths: readonly string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<TestOptions>();
      const dir = findProjectDir(context, options);
      const folder = path.join(dir, 'cassettes');
      const places =
        paths.length > 0
          ? paths.map((place) => path.resolve(context.cwd, place))
          : existsSync(folder)
            ? [folder]
            : [];
      const files = [...new Set((await Promise.all(places.map(cassettesAt))).flat())];
      if (files.length === 0)
        throw usageError(
          `there are no cassettes in ${paths.length > 0 ? paths.join(', ') : path.relative(context.cwd, folder)}`,
          'record one with `agent33 runs export ID --cassette cassettes/NAME.json`',
        );
      const { results, problems } = await services.playCassettes({
        dir,
        files,
        against: options.recorded === true ? 'recorded' : 'current',
        update: options.update === true,
      });
      for (const { file, line, message } of problems)
        say(context, `${[file, line].filter((part) => part !== undefined).join(':')}: ${message}`);
      const format = outputFormat(options);
      if (format === 'table') for (const result of results) printResult(context, result);
      else
        printValue(
          context,
          format,
          results.map((result) => resultToWire(context, result)),
        );
      const { length: failed } = results.filter((one) => one.status === 'failed');
      if (failed > 0)
        throw new CliError(summary(results), {
          exitCode: exitCodes.failed,
        });
      say(context, summary(results));
    });
}
