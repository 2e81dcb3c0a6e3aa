import type { Command } from 'commander';
import { loadConfig, loadEnvironment, secretValues, type SettingName } from '../platform/config/index.ts';
import { createLogger, Redactor } from '../platform/observability/index.ts';
import type { CliContext, GlobalOptions } from './cli-context.ts';
import type { OpenAppOptions } from './cli-services.ts';
import { packageVersion } from './package-version.ts';
import { findProjectDir } from './project-folder.ts';

/** Settings given as flags; those left out stay as the environment says. */
export function overridesOf(
  flags: Readonly<Partial<Record<SettingName, string | undefined>>>,
): Partial<Record<SettingName, string>> {
  return Object.fromEntries(
    Object.entries(flags).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** What a process of the project that a command means is built from. Error: `invalid_config`. */
export function openSettings(
  context: CliContext,
  command: Command,
  overrides: Partial<Record<SettingName, string>>,
): OpenAppOptions {
  const source = {
    env: context.env,
    workingDir: context.cwd,
    projectDir: findProjectDir(context, command.optsWithGlobals<GlobalOptions>()),
  };
  const config = loadConfig({ ...source, overrides });
  const redactor = new Redactor();
  redactor.learn(secretValues(config));
  return {
    version: packageVersion(),
    config,
    environment: loadEnvironment(source),
    logger: createLogger({ level: config.API_LOG_LEVEL, redactor }),
    redactor,
  };
}
