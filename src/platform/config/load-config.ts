import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import { AppError } from '../../base/index.ts';
import { productionProblems } from './production-rules.ts';
import { configSchema, type Config } from './schema.ts';
import { configSettings, type Setting, type SettingName } from './settings.ts';

/** Where settings come from; each source wins over those after it: `overrides`, `env`, the files. */
export interface LoadConfigOptions {
  /** Folder of the project, by default the working directory. */
  readonly projectDir?: string;
  /** Environment variables, by default those of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Second folder whose `.env` is read, by default the working directory. */
  readonly workingDir?: string;
  /** Settings from the command line. */
  readonly overrides?: Readonly<Partial<Record<SettingName, string>>>;
}

type Values = Readonly<Record<string, string | undefined>>;

/** Variables of the `.env` file in a folder; none when there is no such file. */
function readEnvFile(folder: string): Values {
  const file = path.join(folder, '.env');
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new AppError('invalid_config', `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Everything a definition may refer to by `${NAME}`: the environment over the project's `.env` over the working folder's. */
export function loadEnvironment(options: LoadConfigOptions = {}): Values {
  const workingDir = path.resolve(options.workingDir ?? process.cwd());
  const projectDir = path.resolve(workingDir, options.projectDir ?? '.');
  const sources: Values[] = [
    options.env ?? process.env,
    readEnvFile(projectDir),
    ...(projectDir === workingDir ? [] : [readEnvFile(workingDir)]),
  ];
  const merged: Record<string, string> = {};
  for (const source of sources) {
    for (const [name, value] of Object.entries(source)) {
      if (value !== undefined && value.trim() !== '') merged[name] ??= value;
    }
  }
  return merged;
}

function quoted(setting: Setting, found: string | undefined): string {
  if (found === undefined) return 'nothing';
  return setting.secret ? `a value of ${found.length} characters (not shown)` : JSON.stringify(found);
}

function fieldProblems(error: z.ZodError, given: Values): readonly string[] {
  const settings = new Map<PropertyKey, Setting>(configSettings().map((setting) => [setting.name, setting]));
  const names = new Set(error.issues.map(({ path: [name = ''] }) => name));
  return [...names].map((name) => {
    const setting = settings.get(name);
    if (setting === undefined) return String(name);
    return `${setting.name}: found ${quoted(setting, given[setting.name])}, expected ${setting.expects}`;
  });
}

function invalid(problems: readonly string[]): AppError {
  return new AppError(
    'invalid_config',
    `The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems
      .map((problem) => `  - ${problem}`)
      .join('\n')}`,
    { details: { problems } },
  );
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (Array.isArray(inner)) Object.freeze(inner);
  return Object.freeze(value);
}

/**
 * The settings of this process. An empty variable counts as unset.
 *
 * Error: `invalid_config`, listing every problem at once without showing a secret.
 */
export function loadConfig(options: LoadConfigOptions = {}): Config {
  const workingDir = path.resolve(options.workingDir ?? process.cwd());
  const projectDir = path.resolve(workingDir, options.projectDir ?? '.');
  const environment = loadEnvironment(options);
  const given: Record<string, string> = {};
  for (const name of Object.keys(configSchema.shape)) {
    const value = options.overrides?.[name as SettingName] ?? environment[name];
    if (value !== undefined && value.trim() !== '') given[name] = value.trim();
  }
  const parsed = configSchema.safeParse(given);
  if (!parsed.success) throw invalid(fieldProblems(parsed.error, given));
  const settings = parsed.data;
  const problems = settings.AGENT33_ENV === 'production' ? productionProblems(settings) : [];
  if (problems.length > 0) throw invalid(problems);
  return freeze({ ...settings, projectDir, homeDir: path.resolve(projectDir, settings.AGENT33_HOME) });
}

/** The values that must never appear in a log: secrets, and the passwords within addresses. */
export function secretValues(config: Config): readonly string[] {
  const values: string[] = [];
  for (const { name, secret } of configSettings()) {
    const value = config[name];
    if (!secret || typeof value !== 'string') continue;
    if (!URL.canParse(value)) values.push(value);
    else if (new URL(value).password !== '') values.push(decodeURIComponent(new URL(value).password));
  }
  return values;
}
