import type { FastifyReply } from 'fastify';
import { AppError } from '../../base/index.ts';
import type { AgentResponse, Scope } from '../../protocol/index.ts';
import { startCallerWait } from './caller-wait.ts';
import type { RouteDeps } from './http-deps.ts';

/** The response of a run, or `undefined` when the time is over first; the run goes on. */
export async function responseWithin(
  deps: Pick<RouteDeps, 'runs' | 'clock' | 'lifetime'>,
  scope: Scope,
  reply: FastifyReply,
  wanted: { readonly runId: string; readonly milliseconds: number },
): Promise<AgentResponse | undefined> {
  const { runId, milliseconds } = wanted;
  const over = new AppError('timeout', `the run goes on; see GET /api/v1/runs/${runId}`);
  const wait = startCallerWait(deps, reply, { milliseconds, error: () => over });
  try {
    return await deps.runs.response(scope, runId, wait);
  } catch (error) {
    if (error === over) return undefined;
    throw error;
  } finally {
    wait.clear();
  }
}
