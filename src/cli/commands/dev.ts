import { once } from 'node:events';
import { watch } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { findProjectDir } from '../project-folder.ts';
import { RestartingChild } from '../restarting-child.ts';

const quietMs = 200;

/** Changes that need a new process. Definitions do not: the server reloads them itself. */
function needsRestart(file: string): boolean {
  if (/(?:^|[\\/])(?:node_modules|\.agent33|\.git)[\\/]/.test(file) || file.endsWith('.test.ts'))
    return false;
  return /\.[cm]?[jt]s$/.test(file) || /^(?:\.env|agent33\.ya?ml)$/.test(path.basename(file));
}

/** `agent33 dev`: serve, and start again when code or settings change. */
export function registerDev(program: Command, context: CliContext): void {
  program
    .command('dev')
    .description('serve a project and start again when code or settings change')
    .option('--host <address>', 'address to listen on')
    .option('--port <number>', 'port to listen on')
    .action(async (options: { host?: string; port?: string }, command: Command) => {
      const projectDir = findProjectDir(context, command.optsWithGlobals<GlobalOptions>());
      const main = fileURLToPath(new URL(`../main${path.extname(import.meta.url)}`, import.meta.url));
      const child = new RestartingChild(context, [
        main,
        'serve',
        '--dir',
        projectDir,
        ...(options.host === undefined ? [] : ['--host', options.host]),
        ...(options.port === undefined ? [] : ['--port', options.port]),
      ]);
      let cancel = (): void => {};
      let restarting = Promise.resolve();
      const onChange = (_event: string, file: string | null): void => {
        if (file === null || !needsRestart(file)) return;
        cancel();
        cancel = context.clock.after(quietMs, () => {
          say(context, `${file} changed: starting again`);
          restarting = restarting.then(() => child.restart());
        });
      };
      const fromSources = main.endsWith('.ts');
      const folders = [projectDir, ...(fromSources ? [path.resolve(path.dirname(main), '..')] : [])];
      const watchers = folders.map((folder) => watch(folder, { recursive: true }, onChange));
      try {
        child.start();
        if (!context.signal.aborted) await once(context.signal, 'abort');
      } finally {
        cancel();
        for (const watcher of watchers) watcher.close();
        await restarting;
        await child.stop();
      }
    });
}
