import path from 'node:path';
import type { Command } from 'commander';
import { loadEnvironment } from '../../platform/config/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import type { CliServices } from '../cli-services.ts';
import { outputFormat } from '../output.ts';
import { findProjectDir } from '../project-folder.ts';
import { failOnProblems, printProblems } from '../project-problems.ts';

/** `2 agents, 1 workflow`. */
function counts(definitions: readonly { readonly definition: { readonly kind: string } }[]): string {
  const byKind = Map.groupBy(definitions, (one) => one.definition.kind.toLowerCase());
  const parts = [...byKind].map(([kind, { length }]) => `${length} ${kind}${length === 1 ? '' : 's'}`);
  return parts.join(', ') || 'no definitions';
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
      const { definitions, problems, notes = [] } = await services.loadProject(dir, environment);
      printProblems(context, outputFormat(options), dir, problems);
      for (const note of notes) say(context, `note: ${note}`);
      failOnProblems(problems);
      say(context, `valid: ${counts(definitions)}`);
    });
}
