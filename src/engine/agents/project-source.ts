import { watch, type FSWatcher } from 'node:fs';
import { AppError, type Clock, type Logger, type Service, type Environment } from '../../base/index.ts';
import { loadProject, type LoadedProject, type Located } from './load-project.ts';

const settleMs = 150;

/** The project's files, kept up to date while the server runs. A file with a fault leaves its last good version in place. */
export interface ProjectSource extends Service {
  readonly current: LoadedProject;
  /** Called after each change that was taken over. */
  onChange(listener: (project: LoadedProject) => void): void;
}

/** Puts the last good version of each faulty file beside what could be read. */
function keepGood<D>(
  fresh: readonly Located<D>[],
  last: readonly Located<D>[],
  faulty: ReadonlySet<string>,
): readonly Located<D>[] {
  const present = new Set(fresh.map((one) => one.path));
  return [...fresh, ...last.filter((one) => faulty.has(one.path) && !present.has(one.path))];
}

/** Watches a project folder. `start` reads it; faults are logged and listed, never fatal. */
export function createProjectSource(deps: {
  dir: string;
  environment: Environment;
  clock: Clock;
  logger: Logger;
}): ProjectSource {
  const { dir, environment, clock, logger } = deps;
  const listeners: ((project: LoadedProject) => void)[] = [];
  let current: LoadedProject | undefined;
  let watcher: FSWatcher | undefined;
  let cancelSettle: (() => void) | undefined;

  async function read(): Promise<void> {
    const fresh = await loadProject(dir, { environment });
    const faulty = new Set(fresh.problems.map((problem) => problem.file));
    for (const { message, ...place } of fresh.problems)
      logger.warn({ ...place, reason: message }, 'definition has a fault');
    current =
      current === undefined
        ? fresh
        : {
            ...fresh,
            project:
              faulty.has('agent33.yaml') || faulty.has('agent33.yml') ? current.project : fresh.project,
            agents: keepGood(fresh.agents, current.agents, faulty),
            channels: keepGood(fresh.channels, current.channels, faulty),
          };
  }

  function reload(): void {
    read().then(
      () => {
        logger.info({}, 'definitions were read again');
        for (const listener of listeners) if (current !== undefined) listener(current);
      },
      (error: unknown) => logger.error({ error }, 'definitions could not be read'),
    );
  }

  return {
    name: 'project',
    get current() {
      if (current === undefined) throw new AppError('not_ready', 'the project has not been read yet');
      return current;
    },
    onChange: (listener) => void listeners.push(listener),
    async start() {
      if (current === undefined) await read();
      try {
        watcher ??= watch(dir, { recursive: true, persistent: false }, (_event, file) => {
          if (
            file === null ||
            !/\.(?:ya?ml|json)$/i.test(file) ||
            file.includes('.agent33') ||
            file.includes('node_modules')
          )
            return;
          cancelSettle?.();
          cancelSettle = clock.after(settleMs, reload);
        });
        watcher.on('error', (error) => logger.warn({ error }, 'the project folder is no longer watched'));
      } catch (error) {
        logger.warn({ error }, 'the project folder cannot be watched; restart to take changes over');
      }
    },
    stop() {
      cancelSettle?.();
      watcher?.close();
      watcher = undefined;
      return Promise.resolve();
    },
  };
}
