import { CommanderError } from 'commander';
import { createColors } from 'picocolors';
import { isDecorated, type CliContext } from './cli-context.ts';
import type { CliServices } from './cli-services.ts';
import { exitCodes, toCliError, type ExitCode } from './cli-error.ts';
import { packageVersion } from './package-version.ts';
import { createProgram } from './program.ts';

function wantsJson(args: readonly string[]): boolean {
  return args.some(
    (arg, index) =>
      arg === '--json' ||
      /^(?:-o|--output=)jsonl?$/.test(arg) ||
      ((arg === '-o' || arg === '--output') && /^jsonl?$/.test(args[index + 1] ?? '')),
  );
}

/** Runs one command line and returns its exit code; says on standard error what went wrong. */
export async function runCli(
  args: readonly string[],
  context: CliContext,
  services: CliServices,
): Promise<ExitCode> {
  try {
    await createProgram(context, services, packageVersion()).parseAsync([...args], { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (context.signal.aborted) return exitCodes.interrupted;
    const { message, hint, problem, exitCode } = toCliError(error);
    if (wantsJson(args)) context.stderr.write(`${JSON.stringify(problem)}\n`);
    else {
      const { red, dim } = createColors(isDecorated(context, context.stderr));
      context.stderr.write(`${red('error:')} ${message}\n`);
      if (hint !== undefined) context.stderr.write(`${dim(`  → ${hint}`)}\n`);
    }
    return exitCode;
  }
}
