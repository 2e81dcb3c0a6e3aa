import { z } from 'zod';
import { AppError } from '../../../base/index.ts';
import { durationMs } from '../../../protocol/index.ts';
import { environmentOf, executableOf, folderOf, type CommandRules } from '../command-rules.ts';
import { defineStepAction } from '../define-action.ts';
import type { ProcessRunner } from '../run-process.ts';
import type { StepAction } from '../workflow-action.ts';

const shownChars = 500;

export interface RunCommandDeps {
  readonly run: ProcessRunner;
  readonly rules: () => CommandRules;
  readonly projectDir: string;
  /** The server's environment, of which commands get little. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Executes a program that the project allows. */
export function createRunCommand(deps: RunCommandDeps): StepAction {
  return defineStepAction({
    name: 'run_command',
    description: 'Executes a program that agent33.yaml allows, as a list of words; there is no shell.',
    inputs: z.strictObject({
      command: z
        .array(z.string().max(100_000))
        .min(1)
        .max(1000)
        .describe(
          'Program and arguments, such as [git, log, -1]. The program is one of spec.commands.allow.',
        ),
      cwd: z.string().max(1000).default('.').describe('Folder, inside the project.'),
      env: z
        .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
        .default({})
        .describe(
          'Variables beside PATH, HOME, LANG and spec.commands.environment; not those that decide what is executed, such as PATH.',
        ),
      stdin: z.string().max(10_000_000).default(''),
      timeout: durationMs.default(60_000).describe('After this long its process group is ended.'),
      max_output: z
        .int()
        .min(1)
        .max(10_000_000)
        .default(1_000_000)
        .describe('Most bytes kept of stdout and of stderr each.'),
      check: z.boolean().default(true).describe('Does an exit code other than 0 fail the step?'),
      idempotent: z
        .boolean()
        .default(false)
        .describe(
          'May it be executed again when a crash left it in doubt? Else the step fails with conflict.',
        ),
    }),
    output: z.strictObject({
      exit_code: z.int().nullable().describe('null when a signal ended it.'),
      signal: z.string().nullable(),
      stdout: z.string(),
      stderr: z.string(),
      truncated: z.boolean().describe('Was there more output than max_output?'),
    }),
    kind: 'action',
    // Whatever a program does, it is no mere reading.
    effect: ({ idempotent }) => (idempotent ? 'keyed' : 'unkeyed'),
    run: async ({ inputs }, io) => {
      const [word = '', ...args] = inputs.command;
      const rules = deps.rules();
      const executable = executableOf(word, rules, deps.projectDir);
      const cwd = await folderOf(inputs.cwd, deps.projectDir);
      const outcome = await deps.run({
        executable,
        args,
        cwd,
        env: environmentOf(inputs.env, rules, deps.environment),
        stdin: inputs.stdin,
        timeoutMs: inputs.timeout,
        mostOutputBytes: inputs.max_output,
        signal: io.signal,
      });
      const output = {
        exit_code: outcome.exitCode,
        signal: outcome.signal,
        stdout: outcome.stdout,
        stderr: outcome.stderr,
        truncated: outcome.truncated,
      };
      if (inputs.check && outcome.exitCode !== 0) {
        const how =
          outcome.exitCode === null ? `was ended by ${outcome.signal}` : `exited with ${outcome.exitCode}`;
        const said = (outcome.stderr || outcome.stdout).trim().slice(-shownChars);
        throw new AppError('upstream_error', `"${word}" ${how}${said === '' ? '' : `: ${said}`}`, {
          retryable: false,
          details: { exit_code: outcome.exitCode, signal: outcome.signal },
        });
      }
      return output;
    },
  });
}
