import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { AppError, didYouMean } from '../../base/index.ts';

/** What a project lets `run_command` do; from `spec.commands` of agent33.yaml. */
export interface CommandRules {
  /** Executables: names found on PATH, absolute paths, or paths relative to the project. An empty list denies. */
  readonly allow: readonly string[];
  /** Variables of the server's environment that commands get beside PATH, HOME and LANG. */
  readonly environment: readonly string[];
}

const always = ['PATH', 'HOME', 'LANG'] as const;
/** What decides which program a name means, or what it loads: with these, the list of allowed programs would not hold. */
const decidesProgram = /^(?:PATH|LD_.*|DYLD_.*|NODE_OPTIONS|BASH_ENV)$/;

/** What is really executed for the first word of a command. Error: `forbidden`. */
export function executableOf(word: string, rules: CommandRules, projectDir: string): string {
  if (rules.allow.length === 0)
    throw new AppError(
      'forbidden',
      `"${word}" is not allowed: spec.commands.allow in agent33.yaml names no program`,
    );
  if (!rules.allow.includes(word))
    throw new AppError(
      'forbidden',
      `"${word}" is not among spec.commands.allow in agent33.yaml${didYouMean(word, rules.allow)}`,
    );
  return word.includes('/') ? path.resolve(projectDir, word) : word;
}

/** The whole environment of a command: little of the server's own, and what the step names. Error: `forbidden`. */
export function environmentOf(
  own: Readonly<Record<string, string>>,
  rules: CommandRules,
  server: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const refused = Object.keys(own).find((name) => decidesProgram.test(name));
  if (refused !== undefined)
    throw new AppError(
      'forbidden',
      `inputs.env: "${refused}" decides what is executed; steps may not set it`,
    );
  const environment: Record<string, string> = {};
  for (const name of [...always, ...rules.environment]) {
    const value = server[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...own };
}

/** The folder a command works in: inside the project, links followed. Errors: `forbidden`, `not_found`. */
export async function folderOf(given: string, projectDir: string): Promise<string> {
  const root = await realpath(projectDir);
  const wanted = path.resolve(root, given);
  let real: string;
  try {
    real = await realpath(wanted);
  } catch (error) {
    throw new AppError('not_found', `inputs.cwd: there is no folder "${given}" in the project`, {
      cause: error,
    });
  }
  if (real !== root && !real.startsWith(root + path.sep))
    throw new AppError('forbidden', `inputs.cwd: "${given}" is outside the project`);
  return real;
}
