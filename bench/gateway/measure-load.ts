import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ServerProcess } from '../server-process.ts';
import type { LoadPlan, LoadResult } from './load.ts';

/** The core that everything but the measured server runs on. */
export const loadCore = 1;
export const serverCore = 0;

/** A load and what it cost the server. */
export interface Measured extends LoadResult {
  /** Processor time of the server per request, in microseconds. */
  readonly cpuUs: number;
}

/** Sends load from another process and looks at the server's processor time. */
export async function measureLoad(server: ServerProcess, plan: LoadPlan): Promise<Measured> {
  const before = server.cpuMs();
  const { stdout } = await promisify(execFile)(
    'taskset',
    ['-c', String(loadCore), process.execPath, path.join(import.meta.dirname, 'load.ts')],
    { env: { ...process.env, LOAD: JSON.stringify(plan) }, maxBuffer: 1 << 24 },
  );
  const result = JSON.parse(stdout) as LoadResult;
  if (result.failures > 0)
    throw new Error(`${result.failures} of ${result.requests} answers of ${plan.url} were none`);
  return { ...result, cpuUs: ((server.cpuMs() - before) * 1000) / result.requests };
}
