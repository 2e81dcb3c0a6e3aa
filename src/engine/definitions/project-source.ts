import { watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { AppError, type Clock, type Logger, type Service } from '../../base/index.ts';
import { definitionKinds } from '../../protocol/index.ts';
import { loadProject, type LoadedProject, type LoadOptions, type Located } from './load-project.ts';

const settleMs = 150;

/** The project's files, kept up to date while the server runs. A file with a fault leaves its last good version in place. */
export interface ProjectSource extends Service {
  readonly current: LoadedProject;
  /** Called after each change that was taken over. */
  onChange(listener: (project: LoadedProject) => void): void;
}

const folders = new Set<string | undefined>(
  Object.values(definitionKinds).flatMap((kind) => [kind.folder, kind.legacyFolder]),
);

/** Folders in which much is written that is no definition: looking there costs more than the writing. */
const unwatched = ['.agent33', '.agent33/**', '.git', '.git/**', 'node_modules', 'node_modules/**'];

/** May a change of this file or folder of the project change its definitions? */
function concerns(file: string): boolean {
  const [first = '', ...rest] = file.split(path.sep);
  if (rest.length === 0) return folders.has(first) || /^agent33\.ya?ml$/.test(first);
  return folders.has(first) && rest.length === 1 && /\.(?:ya?ml|json)$/i.test(rest[0] ?? '');
}

/** Puts the last good version of what is faulty now beside what could be read; a fault of a folder is one of its files. */
function keepGood(
  fresh: readonly Located[],
  last: readonly Located[],
  faulty: ReadonlySet<string>,
): readonly Located[] {
  const nameOf = ({ definition }: Located): string => `${definition.kind}/${definition.metadata.name}`;
  const whole = fresh.filter((one) => one.partial !== true);
  const present = new Set(whole.map(nameOf));
  const kept = last.filter(
    (one) => (faulty.has(one.path) || faulty.has(path.posix.dirname(one.path))) && !present.has(nameOf(one)),
  );
  const known = new Set(kept.map(nameOf));
  return [...whole, ...kept, ...fresh.filter((one) => one.partial === true && !known.has(nameOf(one)))];
}

/** Watches a project folder. `start` reads it; faults are logged and listed, never fatal. */
export function createProjectSource(deps: {
  dir: string;
  clock: Clock;
  logger: Logger;
  load?: LoadOptions;
}): ProjectSource {
  const { dir, clock, logger, load } = deps;
  const listeners: ((project: LoadedProject) => void)[] = [];
  let current: LoadedProject | undefined;
  let watcher: FSWatcher | undefined;
  let cancelSettle: (() => void) | undefined;
  let reading: Promise<void> = Promise.resolve();

  async function read(): Promise<void> {
    const fresh = await loadProject(dir, load);
    const faulty = new Set(fresh.problems.map((problem) => problem.file));
    for (const { message, ...place } of fresh.problems)
      logger.warn({ ...place, reason: message }, 'definition has a fault');
    const keepsProject = faulty.has('agent33.yaml') || faulty.has('agent33.yml');
    const { project, projectFile } = keepsProject && current !== undefined ? current : fresh;
    const { projectFile: _replaced, ...rest } = fresh;
    current =
      current === undefined
        ? fresh
        : {
            ...rest,
            project,
            ...(projectFile === undefined ? {} : { projectFile }),
            definitions: keepGood(fresh.definitions, current.definitions, faulty),
          };
  }

  function reload(): void {
    // One after the other: a slow reading must not overwrite what a later one found.
    reading = reading.then(read).then(
      () => {
        if (watcher === undefined) return;
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
      // Watched before it is read, so that no change falls in between.
      try {
        watcher ??= watch(dir, { recursive: true, persistent: false, ignore: unwatched }, (_event, file) => {
          if (file === null || !concerns(file)) return;
          cancelSettle?.();
          cancelSettle = clock.after(settleMs, reload);
        });
        watcher.on('error', (error) => logger.warn({ error }, 'the project folder is no longer watched'));
      } catch (error) {
        logger.warn({ error }, 'the project folder cannot be watched; restart to take changes over');
      }
      if (current === undefined) {
        reading = read();
        await reading;
      }
    },
    async stop() {
      cancelSettle?.();
      watcher?.close();
      watcher = undefined;
      await reading;
    },
  };
}
