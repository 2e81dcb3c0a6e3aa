import { withDeadline, type Clock, type HealthCheck, type HealthReport } from '../../base/index.ts';

const deadlineMs = 2000;
const cacheMs = 1000;

/** State of the whole process, as `/health` tells it. */
export interface AggregatedHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  readonly version: string;
  readonly services: Readonly<Record<string, HealthReport['status']>>;
  readonly details: Readonly<Record<string, Omit<HealthReport, 'status'> & { readonly ms: number }>>;
}

/** Can the process take work? */
export interface Readiness {
  readonly ready: boolean;
  /** Names of the critical checks that are down; `stopping` while the process shuts down. */
  readonly failing: readonly string[];
}

/** Asks all checks side by side, each with a deadline of 2 s; an answer is used for 1 s. */
export interface HealthAggregator {
  add(check: HealthCheck): void;
  /** Never rejects for a failing check; rejects with the signal's reason when the caller gives up. */
  report(signal?: AbortSignal): Promise<AggregatedHealth>;
  ready(): Promise<Readiness>;
  /** From now on the process is not ready, so that balancers send nothing new. */
  setStopping(): void;
}

interface Measured extends HealthReport {
  readonly ms: number;
}

/** Rejects as soon as the signal aborts, also when the work ignores it. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Makes the aggregator of a process. */
export function createHealthAggregator(deps: { clock: Clock; version: string }): HealthAggregator {
  const { clock } = deps;
  const checks = new Map<string, HealthCheck>();
  let stopping = false;
  let cached: { readonly at: number; readonly results: Promise<ReadonlyMap<string, Measured>> } | undefined;

  const ask = async (check: HealthCheck): Promise<Measured> => {
    const startedAt = clock.now();
    const { signal, clear } = withDeadline(clock, deadlineMs);
    try {
      const report = await untilAborted(
        Promise.resolve().then(() => check.check(signal)),
        signal,
      );
      return { ...report, ms: clock.now() - startedAt };
    } catch (error) {
      const detail = signal.aborted
        ? `no answer within ${deadlineMs} ms`
        : error instanceof Error
          ? error.message
          : 'the check failed';
      return { status: 'down', detail, ms: clock.now() - startedAt };
    } finally {
      clear();
    }
  };

  const askAll = async (): Promise<ReadonlyMap<string, Measured>> => {
    const names = [...checks.values()];
    const results = await Promise.all(names.map(ask));
    return new Map(names.map(({ name }, index) => [name, results[index] as Measured]));
  };

  const results = (): Promise<ReadonlyMap<string, Measured>> => {
    if (cached === undefined || clock.now() - cached.at >= cacheMs) {
      cached = { at: clock.now(), results: askAll() };
    }
    return cached.results;
  };

  const failingOf = (measured: ReadonlyMap<string, Measured>): readonly string[] => [
    ...(stopping ? ['stopping'] : []),
    ...[...checks.values()]
      .filter(({ name, critical }) => critical && measured.get(name)?.status === 'down')
      .map(({ name }) => name),
  ];

  return {
    add(check) {
      checks.set(check.name, check);
      cached = undefined;
    },
    async report(signal) {
      const measured = await (signal === undefined ? results() : untilAborted(results(), signal));
      const entries = [...measured];
      const anyFault = entries.some(([, { status }]) => status !== 'ok');
      return {
        status: failingOf(measured).length > 0 ? 'unhealthy' : anyFault ? 'degraded' : 'healthy',
        version: deps.version,
        services: Object.fromEntries(entries.map(([name, { status }]) => [name, status])),
        details: Object.fromEntries(entries.map(([name, { status: _status, ...detail }]) => [name, detail])),
      };
    },
    async ready() {
      const failing = failingOf(await results());
      return { ready: failing.length === 0, failing };
    },
    setStopping() {
      stopping = true;
    },
  };
}
