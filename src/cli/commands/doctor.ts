import { createColors } from 'picocolors';
import type { Command } from 'commander';
import { isDecorated, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes } from '../cli-error.ts';
import { diagnose } from '../diagnose.ts';
import { columns, outputFormat, printRows } from '../output.ts';
import { findProjectDir } from '../project-folder.ts';

/** `agent33 doctor`: what keeps the server from working here, each with its fix. */
export function registerDoctor(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .description('check this machine and the configuration, and name the fix for each problem')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const format = outputFormat(options);
      const findings = await diagnose(context, findProjectDir(context, options));
      if (format === 'table') {
        const { green, yellow, red, dim } = createColors(isDecorated(context, context.stdout));
        const marks = { ok: green('ok  '), warning: yellow('warn'), problem: red('FAIL') };
        for (const { check, state, detail, fix } of findings) {
          context.stdout.write(`${marks[state]}  ${check.padEnd(14)}  ${detail}\n`);
          if (fix !== undefined) context.stdout.write(dim(`      → ${fix}\n`));
        }
      } else {
        printRows(context, format, findings, columns('check', 'state', 'detail', 'fix'));
      }
      const problems = findings.filter(({ state }) => state === 'problem').length;
      if (problems > 0) {
        throw new CliError(`${problems === 1 ? 'one problem' : `${problems} problems`} found`, {
          exitCode: exitCodes.failed,
        });
      }
    });
}
