import { describe, expect, it } from 'vitest';
import { silentLogger as logger, AppError } from '../../base/index.ts';
import { createMetrics } from '../../platform/observability/index.ts';
import type { RunEvent } from '../../protocol/index.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { RunEventTeller } from './run-event-teller.ts';
import type { TellableEvent } from './run-event-subject.ts';

const usage = { inputTokens: 0, outputTokens: 0, costUsd: null };

describe('telling of runs', () => {
  it('names the kind of the target, in order, and leaves text as it is written out', async () => {
    const clock = new FakeClock();
    const told: TellableEvent[] = [];
    const good = { name: 'good', deliver: (event: TellableEvent) => Promise.resolve(void told.push(event)) };
    const bad = { name: 'bad', deliver: () => Promise.reject(new AppError('storage_unavailable', 'away')) };
    const stuck = { name: 'stuck', deliver: () => new Promise<void>(() => {}) };
    const teller = new RunEventTeller({
      clock,
      logger,
      metrics: createMetrics({ version: 'test', processMetrics: false }),
      targets: [bad, stuck, good],
    });
    const tell = (runId: string, sequence: number, event: RunEvent): void =>
      teller.tell({ runId, sequence, at: '2026-11-21T10:00:00.000Z', event });
    await teller.start();
    const start = (kind: 'agent' | 'workflow'): RunEvent => ({
      type: 'run-start',
      target: { kind, name: 'x' },
      sessionId: null,
      attempt: 1,
    });
    tell('a', 1, start('agent'));
    tell('w', 1, start('workflow'));
    tell('a', 2, { type: 'text-delta', step: 's', text: 'secret' });
    tell('a', 3, { type: 'tool-call', step: 's', call: { id: 'c', name: 'clock', arguments: {} } });
    tell('w', 2, { type: 'run-end', status: 'failed', usage });
    tell('a', 4, { type: 'run-end', status: 'completed', usage });
    for (let turn = 0; turn < 5; turn += 1) await clock.advance(0);
    expect(told.map(({ subject }) => subject)).toEqual([
      'agent.events.started',
      'workflow.events.started',
      'tool.events.called',
      'workflow.events.failed',
      'agent.events.completed',
    ]);
    expect(told.at(-1)).toMatchObject({
      id: 'a:4',
      payload: { run_id: 'a', agent_id: 'x', status: 'completed' },
    });
    const stopped = teller.stop();
    await clock.advance(3000);
    await stopped;
  });
});
