import type { Clock, IdGenerator, Logger } from '../../base/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { RunStarter } from '../runs/index.ts';
import type { EvaluateInputs } from './evaluate-inputs.ts';

/** What schedules and sensors stand on. */
export interface AutomationDeps {
  readonly storage: Storage;
  readonly runs: RunStarter;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly evaluate: EvaluateInputs;
  /** Called with the name of each moment at which a crash would be most unkind; tests end the process there. */
  readonly failpoint?: (name: string) => void;
}

/** Database channel on which processes tell each other that definitions, pauses or events changed. */
export const automationChannel = 'agent33_automation';
