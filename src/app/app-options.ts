import type { Clock, Logger } from '../base/index.ts';
import type { Guard, PluginProvider } from '../capabilities/models/index.ts';
import type { Tool } from '../capabilities/tools/index.ts';
import type { RunEngineSettings } from '../engine/runs/index.ts';
import type { WorkflowAction } from '../engine/workflows/index.ts';
import type { Config } from '../platform/config/index.ts';
import type { Redactor } from '../platform/observability/index.ts';
import type { Storage } from '../platform/storage/index.ts';

export interface AppOptions {
  readonly version: string;
  readonly config: Config;
  /** Variables that definitions may refer to as `${NAME}`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Learns the secrets that come up while the server runs. */
  readonly redactor?: Redactor;
  readonly clock?: Clock;
  /** In place of the database that the configuration names; started and stopped with the server. */
  readonly storage?: Storage;
  /** Model providers beside the built-in ones. */
  readonly providers?: readonly PluginProvider[];
  /** Guards of model calls, after those that the project names. */
  readonly guards?: readonly Guard[];
  /** Tools beside the built-in ones. */
  readonly tools?: readonly Tool[];
  /** What steps of workflows can do beside the built-in actions. */
  readonly actions?: readonly WorkflowAction[];
  readonly runSettings?: Partial<RunEngineSettings>;
  /** Called at the moments at which a crash would be most unkind; for crash tests. */
  readonly failpoint?: (name: string) => void;
}

/** What a started worker tells about itself. */
export interface StartedWorker {
  readonly roles: readonly string[];
  /** Runs side by side at most; `null` where it executes none. */
  readonly concurrency: number | null;
  /** Where its probes answer; `undefined` without a port. */
  readonly url: string | undefined;
}

/** What a started server tells about itself. */
export interface StartedApp {
  readonly url: string;
  /** The admin key, at the very first start only. */
  readonly newApiKey: string | undefined;
  readonly apiKey: string;
  readonly model: string;
  readonly offline: boolean;
  /** Names of what is defined, by kind. */
  readonly agents: readonly string[];
  readonly teams: readonly string[];
  readonly workflows: readonly string[];
  readonly schedules: readonly string[];
}
