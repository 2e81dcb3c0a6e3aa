import type { Command } from 'commander';
import { loadConfig, loadEnvironment, secretValues, type SettingName } from '../../platform/config/index.ts';
import { createLogger, Redactor } from '../../platform/observability/index.ts';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import type { CliServices } from '../cli-services.ts';
import { packageVersion } from '../package-version.ts';
import { findProjectDir } from '../project-folder.ts';
import { serveApp } from '../serve-app.ts';

interface ServeOptions extends GlobalOptions {
  readonly host?: string;
  readonly port?: string;
}

/** `agent33 serve`: the server of a project, until it is interrupted. */
export function registerServe(program: Command, context: CliContext, services: CliServices): void {
  program
    .command('serve')
    .description('serve a project until interrupted; definitions are reloaded when they change')
    .option('--host <address>', 'address to listen on; default API_HOST')
    .option('--port <number>', 'port to listen on, 0 for a free one; default API_PORT')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ServeOptions>();
      const overrides: Partial<Record<SettingName, string>> = {
        ...(options.host === undefined ? {} : { API_HOST: options.host }),
        ...(options.port === undefined ? {} : { API_PORT: options.port }),
      };
      const source = {
        env: context.env,
        workingDir: context.cwd,
        projectDir: findProjectDir(context, options),
      };
      const config = loadConfig({ ...source, overrides });
      const redactor = new Redactor();
      redactor.learn(secretValues(config));
      const logger = createLogger({ level: config.API_LOG_LEVEL, redactor });
      const version = packageVersion();
      const environment = loadEnvironment(source);
      await serveApp(context, await services.openApp({ version, config, environment, logger, redactor }));
    });
}
