import path from 'node:path';
import type { CliContext } from './cli-context.ts';
import { CliError, exitCodes } from './cli-error.ts';
import type { DefinitionProblem } from './cli-services.ts';
import { columns, printRows, type OutputFormat } from './output.ts';

/** `file:line:column`, which editors and terminals turn into a link. */
function place({ file, line, column }: DefinitionProblem): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}

/** Prints the faults of a project's files, with their places as seen from where the user is. */
export function printProblems(
  context: CliContext,
  format: OutputFormat,
  dir: string,
  problems: readonly DefinitionProblem[],
): void {
  const shown = problems.map((problem) => {
    const file = path.relative(context.cwd, path.resolve(dir, problem.file));
    return Object.assign({}, problem, { file });
  });
  if (format !== 'table') {
    printRows(context, format, shown, columns('file'));
    return;
  }
  for (const problem of shown) {
    const field = problem.field === undefined || problem.field === '' ? '' : `${problem.field}: `;
    context.stdout.write(`${place(problem)}: ${field}${problem.message}\n`);
  }
}

/** The error of a project with faults; nothing for one without. */
export function failOnProblems(problems: readonly DefinitionProblem[]): void {
  const { length } = problems;
  if (length === 0) return;
  throw new CliError(`${length === 1 ? 'one fault' : `${length} faults`} found`, {
    exitCode: exitCodes.usage,
  });
}
