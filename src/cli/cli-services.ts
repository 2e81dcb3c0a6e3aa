import type { Json, Logger } from '../base/index.ts';
import type { Config } from '../platform/config/index.ts';
import type { Redactor } from '../platform/observability/index.ts';
import type { Definition, WorkflowDefinition } from '../protocol/index.ts';
import type { ServedApp } from './serve-app.ts';

/** What is needed to build the server of a project. */
export interface OpenAppOptions {
  readonly version: string;
  readonly config: Config;
  /** Variables that definitions may refer to as `${NAME}`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Learns the secrets that come up while the server runs. */
  readonly redactor: Redactor;
}

/** A fault in a definition file; line and column count from 1. */
export type DefinitionProblem = {
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly field?: string | undefined;
  readonly message: string;
};

/** A project's files as they were read. */
interface LoadedProject {
  readonly definitions: readonly {
    readonly definition: Pick<Definition, 'kind' | 'metadata'>;
    /** File that it was read from, relative to the project. */
    readonly path: string;
  }[];
  readonly problems: readonly DefinitionProblem[];
  /** What is worth knowing and no fault. */
  readonly notes?: readonly string[];
  /** A workflow as a Mermaid flowchart, or as lines for a terminal. */
  drawWorkflow(definition: WorkflowDefinition, form: 'mermaid' | 'terminal'): string;
}

/** What a worker tells when it has started. */
export interface StartedWorker {
  readonly roles: readonly string[];
  /** Runs side by side at most; `null` where it executes none. */
  readonly concurrency: number | null;
  /** Where its probes answer. */
  readonly url: string | undefined;
}

/** A place at which something differs from what was recorded. */
interface Difference {
  readonly path: string;
  readonly before?: Json;
  readonly after?: Json;
}

/** A cassette and what playing it came to. */
export interface PlayedCassetteFile {
  readonly file: string;
  readonly target: string | undefined;
  readonly status: 'passed' | 'failed' | 'updated';
  readonly faults: readonly string[];
  readonly difference: { readonly differences: readonly Difference[] } | null;
  readonly definitionChanges: readonly Difference[];
}

interface PlayCassettesOptions {
  readonly dir: string;
  readonly files: readonly string[];
  readonly against: 'recorded' | 'current';
  readonly update: boolean;
}

/** How far the download of a model is; sizes in bytes. */
export interface PullProgress {
  readonly status: string;
  readonly total?: number;
  readonly completed?: number;
}

/** A local server that holds models as files. */
interface LocalModelServer {
  readonly address: string;
  pullModel(
    name: string,
    onProgress: (progress: PullProgress) => void,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
  close(): Promise<void>;
}

/** The parts of the program that only some commands need; loaded when one of those runs. */
export interface CliServices {
  openApp(options: OpenAppOptions): Promise<ServedApp>;
  openWorker(options: OpenAppOptions): Promise<{ start(): Promise<StartedWorker>; stop(): Promise<void> }>;
  playCassettes(
    options: PlayCassettesOptions,
  ): Promise<{ results: readonly PlayedCassetteFile[]; problems: readonly DefinitionProblem[] }>;
  openLocalModels(config: Config): Promise<LocalModelServer>;
  loadProject(dir: string, environment: Readonly<Record<string, string | undefined>>): Promise<LoadedProject>;
}
