import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  silentLogger,
  systemClock,
  toAppError,
  tryParseJson,
  withDeadline,
  type Json,
} from '../base/index.ts';
import { createBuiltinTools, createToolRegistry, schemaFaults } from '../capabilities/tools/index.ts';
import { loadProject, type LoadedProject } from '../engine/definitions/index.ts';
import {
  parseCassette,
  playCassette,
  updateCassette,
  type JsonDifference,
  type PlayOptions,
  type ReplayDifference,
} from '../engine/runs/index.ts';
import { createEgressClient } from '../platform/http-client/index.ts';
import { systemScope } from '../protocol/index.ts';
import { createOfflineExecutors } from './offline-executors.ts';
import { loadProjectTools } from './project-tools.ts';

const longestPlayMs = 60_000;

/** One cassette file and what playing it came to. */
export interface CassetteResult {
  readonly file: string;
  /** `agent helper`; `undefined` when the file is no cassette. */
  readonly target: string | undefined;
  readonly status: 'passed' | 'failed' | 'updated';
  readonly faults: readonly string[];
  readonly difference: ReplayDifference | null;
  readonly definitionChanges: readonly JsonDifference[];
}

/** What was played, and what is wrong with the project it was played on. */
export interface CassetteReport {
  readonly results: readonly CassetteResult[];
  readonly problems: LoadedProject['problems'];
}

/** An environment in which every variable is set, to its own reference: nothing that needs one is called. */
const anyEnvironment = new Proxy<Record<string, string>>(
  {},
  { get: (_target, name) => (typeof name === 'string' ? `\${${name}}` : undefined) },
);

/** Plays cassettes on a project's files: no server, no database, no network. */
export async function playCassettes(options: {
  readonly dir: string;
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly against: 'recorded' | 'current';
  /** Write those that differ anew, as far as that is possible without recording again. */
  readonly update: boolean;
}): Promise<CassetteReport> {
  const { dir, against } = options;
  const project = await loadProject(dir, { environment: anyEnvironment });
  const logger = silentLogger;
  const tools = createToolRegistry({ logger });
  // Known by name, so that agents offer them; none is called.
  for (const tool of createBuiltinTools({
    clock: systemClock,
    createEgress: createEgressClient,
    allowPrivate: [],
  }))
    tools.register(tool);
  await loadProjectTools({ projectDir: dir, tools, logger });
  const executors = await createOfflineExecutors({ loaded: project, dir, tools, logger });
  const definitions = project.definitions.map((one) => one.definition as unknown as Json);
  const results: CassetteResult[] = [];
  for (const file of options.files) {
    const { signal, clear } = withDeadline(systemClock, longestPlayMs);
    // A replay that waits for a step which nobody will answer has nothing else to keep the process alive.
    const done = new AbortController();
    systemClock.sleep(longestPlayMs, { signal: done.signal }).catch(() => {});
    const play: PlayOptions = {
      replay: { executors, against, scope: systemScope, clock: systemClock, logger, signal },
      definitions,
      schemaFaults,
    };
    try {
      results.push(await playFile(file, play, options.update));
    } finally {
      clear();
      done.abort();
    }
  }
  return { results, problems: project.problems };
}

async function playFile(file: string, options: PlayOptions, update: boolean): Promise<CassetteResult> {
  let target: string | undefined;
  const failed = (faults: readonly string[]): CassetteResult => ({
    file,
    target,
    status: 'failed',
    faults,
    difference: null,
    definitionChanges: [],
  });
  try {
    const recorded = tryParseJson(await readFile(file, 'utf8'));
    if (recorded === undefined) return failed(['not a cassette: the file is no JSON; is it cut off?']);
    const cassette = parseCassette(recorded);
    target = `${cassette.run.target.kind} ${cassette.run.target.name}`;
    const played = await playCassette(cassette, options);
    const status = played.faults.length === 0 ? 'passed' : 'failed';
    if (status === 'passed' || !update) return { file, target, status, ...played };
    const updated = await updateCassette(cassette, options);
    const again = await playCassette(updated, options);
    if (again.faults.length > 0) return { file, target, status, ...again };
    await writeFile(file, `${JSON.stringify(updated, null, 2)}\n`);
    return { file, target, status: 'updated', ...played };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'EACCES')
      return failed([`${path.basename(file)} cannot be read (${code})`]);
    return failed([toAppError(error).message]);
  }
}
