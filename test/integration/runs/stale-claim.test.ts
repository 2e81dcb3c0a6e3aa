import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../src/base/index.ts';
import { RunEngine } from '../../../src/engine/runs/index.ts';
import { PgBossQueue, type QueueConsumer, type QueueJob } from '../../../src/platform/queue/index.ts';
import { answer, onBothDatabases, scope, soon, type RunGround } from './run-ground.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';

/** Whoever takes a job for the first time is away for a while before it begins. */
class AwayQueue extends PgBossQueue {
  readonly taken = Promise.withResolvers<QueueJob>();
  readonly back = Promise.withResolvers<void>();
  readonly handled = Promise.withResolvers<void>();

  override consume(...[queue, options, handler]: Parameters<PgBossQueue['consume']>): QueueConsumer {
    return super.consume(queue, options, async (job) => {
      if (job.attempt > 1) return handler(job);
      this.taken.resolve(job);
      await this.back.promise;
      return handler(job).finally(() => this.handled.resolve());
    });
  }
}

await onBothDatabases((prepare) => {
  let ground: RunGround;
  let queue: AwayQueue;
  let engine: RunEngine;
  beforeAll(async () => {
    ground = await prepare();
    await ground.storage.start();
    queue = new AwayQueue({ storage: ground.storage, clock: systemClock, logger: silentLogger });
    await queue.start();
    engine = new RunEngine({ ...(await ground.deps()), queue });
    await engine.start();
  });
  afterAll(async () => {
    queue.back.resolve();
    await engine.stop();
    await queue.stop();
    await ground.close();
  });

  it('who took a job and comes back when another executes its run takes nothing from it', async () => {
    const executing = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const attempts: number[] = [];
    const name = ground.script(async (context) => {
      attempts.push(context.attempt);
      executing.resolve();
      if (context.attempt === 1) await goOn.promise;
      return answer('done');
    });
    const { runId } = await engine.submit(scope, agentRequest(name));
    await queue.release('runs', [(await queue.taken.promise).id]);
    await executing.promise;
    queue.back.resolve();
    await queue.handled.promise;
    expect(attempts).toEqual([1]);
    goOn.resolve();
    const response = await engine.response(scope, runId, { signal: soon() });
    expect(response).toMatchObject({ status: 'completed', text: 'done' });
    expect(attempts).toEqual([1]);
  });
});
