import type { Clock, IdGenerator, Logger } from '../../base/index.ts';
import type { BlobStore } from '../../platform/blobs/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { Queue } from '../../platform/queue/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { StoredRunEvent, TargetKind } from '../../protocol/index.ts';
import type { RunExecutor } from './run-context.ts';

/** What the engine of runs stands on. */
export interface RunEngineDeps {
  readonly storage: Storage;
  /** Where large step outputs go. */
  readonly blobs: BlobStore;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly executors: Readonly<Partial<Record<TargetKind, RunExecutor>>>;
  readonly settings: RunEngineSettings;
  /** Told of each event of the runs that this process executes or ends, as it happens; must not throw. */
  readonly onRunEvent?: (event: StoredRunEvent) => void;
  /** Called with the name of each moment at which a crash would be most unkind; tests end the process there. */
  readonly failpoint?: (name: string) => void;
}

export interface RunEngineSettings {
  /** Does this process execute runs, or only accept them? */
  readonly execute: boolean;
  /** What this process does, shown to those who look after it. */
  readonly roles: readonly string[];
  readonly version: string | null;
  /** Runs executed side by side. */
  readonly concurrency: number;
  /** How long finished runs are kept. */
  readonly retentionMs: number;
  /** Age of a heartbeat at which a worker counts as dead. */
  readonly leaseMs: number;
  /** How long `stop` lets runs under way finish before it hands them back. */
  readonly drainMs: number;
  /** Executions of a run that may end with the process before it is set aside. */
  readonly maxCrashes: number;
  /** Most bytes of JSON text that the outputs of all steps of a run may come to, unless its definition says otherwise. */
  readonly maxStateBytes: number;
  /** How deep children may be nested below a root run. */
  readonly maxDepth: number;
}

export const defaultRunEngineSettings: RunEngineSettings = {
  execute: true,
  roles: ['runs'],
  version: null,
  concurrency: 50,
  retentionMs: 30 * 86_400_000,
  leaseMs: 6000,
  drainMs: 8000,
  maxCrashes: 5,
  maxStateBytes: 64 * 1024 * 1024,
  maxDepth: 8,
};
