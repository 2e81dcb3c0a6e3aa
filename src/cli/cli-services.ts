import type { Logger } from '../base/index.ts';
import type { Config } from '../platform/config/index.ts';
import type { Redactor } from '../platform/observability/index.ts';
import type { ServedApp } from './serve-app.ts';

/** What is needed to build the server of a project. */
interface OpenAppOptions {
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
  readonly agents: readonly unknown[];
  readonly channels: readonly unknown[];
  readonly problems: readonly DefinitionProblem[];
}

/** The parts of the program that only some commands need; loaded when one of those runs. */
export interface CliServices {
  openApp(options: OpenAppOptions): Promise<ServedApp>;
  loadProject(dir: string, environment: Readonly<Record<string, string | undefined>>): Promise<LoadedProject>;
}
