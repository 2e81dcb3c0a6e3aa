import path from 'node:path';
import type { Command } from 'commander';
import { loadEnvironment } from '../../platform/config/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes } from '../cli-error.ts';
import type { CliServices, DefinitionProblem } from '../cli-services.ts';
import { columns, outputFormat, printRows } from '../output.ts';
import { findProjectDir } from '../project-folder.ts';

/** `file:line:column`, which editors and terminals turn into a link. */
function place({ file, line, column }: DefinitionProblem): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}

/** `agent33 validate [DIR]`: every fault in the definitions of a project. */
export function registerValidate(program: Command, context: CliContext, services: CliServices): void {
  program
    .command('validate [folder]')
    .description('check the definitions of a project and list every fault with file, line and column')
    .action(async (folder: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const dir = folder === undefined ? findProjectDir(context, options) : path.resolve(context.cwd, folder);
      const environment = loadEnvironment({ env: context.env, workingDir: context.cwd, projectDir: dir });
      const { agents, channels, problems } = await services.loadProject(dir, environment);
      const shown = problems.map((problem) => {
        const file = path.relative(context.cwd, path.resolve(dir, problem.file));
        return Object.assign({}, problem, { file });
      });
      const format = outputFormat(options);
      if (format !== 'table') printRows(context, format, shown, columns('file'));
      else {
        for (const problem of shown) {
          const field = problem.field === undefined || problem.field === '' ? '' : `${problem.field}: `;
          context.stdout.write(`${place(problem)}: ${field}${problem.message}\n`);
        }
      }
      if (shown.length > 0) {
        throw new CliError(`${shown.length === 1 ? 'one fault' : `${shown.length} faults`} found`, {
          exitCode: exitCodes.usage,
        });
      }
      say(context, `valid: ${agents.length} agents, ${channels.length} channels`);
    });
}
