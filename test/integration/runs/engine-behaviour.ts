import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError, createIdGenerator, silentLogger, systemClock } from '../../../src/base/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  SqlRunStore,
  type RunEngineSettings,
  type RunResult,
} from '../../../src/engine/runs/index.ts';
import type { BlobStore } from '../../../src/platform/blobs/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import type { AgentRequest, Scope, StoredRunEvent } from '../../../src/protocol/index.ts';
import type { TestBase } from './databases.ts';
import { ScriptedExecutor, type Script } from './scripted-executor.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';

export interface EngineGround extends TestBase {
  readonly blobs: BlobStore;
}

const scope: Scope = { tenant: 'default', principal: 'test', scopes: ['admin'] };

function request(name: string, more: Partial<AgentRequest> = {}): AgentRequest {
  return agentRequest(name, { input: { message: 'hello' }, ...more });
}

const answer = (text: string): RunResult => ({
  output: { text },
  text,
  messages: [{ role: 'assistant', content: text }],
});
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** A promise with its handles, for letting a script wait until the test says so. */
function gate<T = void>() {
  return Promise.withResolvers<T>();
}

/** What every storage and queue must let the engine of runs promise. */
export function describeEngine(title: string, prepare: () => Promise<EngineGround>): void {
  describe(title, () => {
    let ground: EngineGround;
    const engines: RunEngine[] = [];
    const executor = new ScriptedExecutor(60_000);

    async function startEngine(
      settings: Partial<RunEngineSettings> = {},
      failpoint?: (name: string) => void,
    ): Promise<RunEngine> {
      const engine = new RunEngine({
        storage: ground.storage,
        blobs: ground.blobs,
        queue: ground.queue,
        clock: systemClock,
        ids: createIdGenerator(systemClock.now),
        logger: silentLogger,
        metrics: createMetrics({ version: 'test', processMetrics: false }),
        executors: { agent: executor },
        settings: { ...defaultRunEngineSettings, drainMs: 200, ...settings },
        ...(failpoint === undefined ? {} : { failpoint }),
      });
      await engine.start();
      engines.push(engine);
      return engine;
    }

    let engine: RunEngine;
    beforeAll(async () => {
      ground = await prepare();
      engine = await startEngine();
    });
    afterAll(async () => {
      for (const started of engines) await started.stop();
      await ground.close();
    });

    const script = (run: Script): string => {
      const name = `script-${randomUUID().slice(0, 8)}`;
      executor.scripts.set(name, run);
      return name;
    };
    const run = async (name: string, more: Partial<AgentRequest> = {}) => {
      const submitted = await engine.submit(scope, request(name, more));
      return { submitted, response: await engine.response(scope, submitted.runId, { signal: soon() }) };
    };

    it('answers a request with the output of its run', async () => {
      const name = script(() => Promise.resolve(answer('hi')));
      const { response } = await run(name);
      expect(response).toMatchObject({
        status: 'completed',
        text: 'hi',
        output: { text: 'hi' },
        error: null,
      });
    });

    it('refuses a target that does not exist before anything is stored', async () => {
      await expect(engine.submit(scope, request('nobody'))).rejects.toMatchObject({ code: 'not_found' });
    });

    it('answers a repeated request with the first run, and refuses the key with other content', async () => {
      let executions = 0;
      const name = script(() => {
        executions += 1;
        return Promise.resolve(answer('once'));
      });
      const key = randomUUID();
      const first = await run(name, { dedupeKey: key });
      const second = await run(name, { dedupeKey: key });
      expect(second.submitted).toMatchObject({ duplicate: true, runId: first.submitted.runId });
      expect(second.response.id).toBe(first.response.id);
      expect(executions).toBe(1);
      await expect(
        engine.submit(scope, request(name, { dedupeKey: key, input: 'other' })),
      ).rejects.toMatchObject({
        code: 'idempotency_mismatch',
      });
    });

    it('accepts one of many simultaneous deliveries of the same request', async () => {
      const name = script(() => Promise.resolve(answer('once')));
      const key = randomUUID();
      const all = await Promise.all(
        Array.from({ length: 8 }, () => engine.submit(scope, request(name, { dedupeKey: key }))),
      );
      expect(new Set(all.map((one) => one.runId)).size).toBe(1);
      expect(all.filter((one) => !one.duplicate)).toHaveLength(1);
      await engine.response(scope, all[0]?.runId ?? '', { signal: soon() });
    });

    it('ends a failing run with the error as its one response, and the session goes on', async () => {
      const failing = script(() => Promise.reject(new AppError('model_unavailable', 'no model')));
      const fine = script(() => Promise.resolve(answer('fine')));
      const sessionKey = randomUUID();
      const first = await run(failing, { sessionKey });
      const second = await run(fine, { sessionKey });
      expect(first.response).toMatchObject({
        status: 'error',
        error: { code: 'model_unavailable', message: 'no model' },
      });
      expect(second.response.status).toBe('completed');
    });

    it('shows a fault of ours without its inside', async () => {
      const name = script(() => Promise.reject(new Error('password=hunter2')));
      const { response } = await run(name);
      expect(response.error).toMatchObject({ code: 'internal' });
      expect(JSON.stringify(response)).not.toContain('hunter2');
    });

    it('runs the requests of one session one at a time and in order', async () => {
      const log: string[] = [];
      const name = script(async (context) => {
        log.push(`begin ${String(context.input)}`);
        await context.step('work', 'compute', () => Promise.resolve(null), { input: null });
        log.push(`end ${String(context.input)}`);
        return answer('ok');
      });
      const sessionKey = randomUUID();
      const submitted = [];
      for (let index = 0; index < 6; index += 1)
        submitted.push(await engine.submit(scope, request(name, { sessionKey, input: index })));
      await Promise.all(submitted.map((one) => engine.response(scope, one.runId, { signal: soon() })));
      expect(log).toEqual(Array.from({ length: 6 }, (_, index) => [`begin ${index}`, `end ${index}`]).flat());
    });

    it('gives a run the messages of its session from before it', async () => {
      const seen: unknown[] = [];
      const name = script(async (context) => {
        seen.push((await context.history(1000)).map((message) => message.content));
        const text = `answer to ${String(context.input)}`;
        return {
          output: null,
          text,
          messages: [
            { role: 'user', content: String(context.input) },
            { role: 'assistant', content: text },
          ],
        };
      });
      const sessionKey = randomUUID();
      await run(name, { sessionKey, input: 'one' });
      const { submitted } = await run(name, { sessionKey, input: 'two' });
      expect(seen).toEqual([[], ['one', 'answer to one']]);
      const store = new SqlRunStore(ground.storage);
      const { items } = await store.messages(scope, submitted.sessionId ?? '', { limit: 10 });
      expect(items.map((item) => item.sequence)).toEqual([1, 2, 3, 4]);
    });

    it('journals steps with usage and shows them', async () => {
      const name = script(async (context) => {
        await context.step(
          'model:1',
          'model',
          (io) => {
            io.recordUsage({ inputTokens: 10, outputTokens: 5, costUsd: 0.25 });
            return Promise.resolve({ text: 'x' });
          },
          { input: 1 },
        );
        return answer('done');
      });
      const { submitted, response } = await run(name);
      expect(response.usage).toEqual({ inputTokens: 10, outputTokens: 5, costUsd: 0.25 });
      const steps = await new SqlRunStore(ground.storage).steps(scope, submitted.runId);
      expect(steps).toMatchObject([
        { key: 'model:1', kind: 'model', status: 'completed', attempts: 1, output: { text: 'x' } },
      ]);
    });

    it('shows steps in the order in which they began, also those of one millisecond', async () => {
      const keys = Array.from({ length: 50 }, (_unused, index) => `${50 - index}`);
      const name = script(async (context) => {
        await Promise.all(
          keys.map((key) => context.step(key, 'compute', () => Promise.resolve(1), { input: key })),
        );
        return answer('done');
      });
      const { submitted } = await run(name);
      const steps = await new SqlRunStore(ground.storage).steps(scope, submitted.runId);
      expect(steps.map(({ key }) => key)).toEqual(keys);
    });

    it('names the first step that differs when the journal and the execution disagree', async () => {
      const name = script(async (context) => {
        await context.step('a', 'compute', () => Promise.resolve(1), { input: 1 });
        await context.step('a', 'compute', () => Promise.resolve(2), { input: 1 });
        return answer('never');
      });
      const { response } = await run(name);
      expect(response.error).toMatchObject({ code: 'nondeterministic_run' });
    });

    it('tells a watcher every event once, in order, from any cursor', async () => {
      const release = gate();
      const name = script(async (context) => {
        await context.step(
          's',
          'compute',
          async (io) => {
            for (let index = 0; index < 5; index += 1)
              io.emit({ type: 'text-delta', step: 's', text: String(index) });
            await release.promise;
            for (let index = 5; index < 10; index += 1)
              io.emit({ type: 'text-delta', step: 's', text: String(index) });
            return null;
          },
          { input: null },
        );
        return answer('done');
      });
      const submitted = await engine.submit(scope, request(name));
      const collect = async (
        after: number,
        onEvent?: (stored: StoredRunEvent) => void,
      ): Promise<StoredRunEvent[]> => {
        const events: StoredRunEvent[] = [];
        for await (const stored of engine.events(scope, submitted.runId, { after, signal: soon() })) {
          events.push(stored);
          onEvent?.(stored);
        }
        return events;
      };
      const live = await collect(0, (stored) => {
        if (stored.event.type === 'text-delta' && stored.event.text === '4') release.resolve();
      });
      const texts = live.flatMap((stored) => (stored.event.type === 'text-delta' ? [stored.event.text] : []));
      expect(texts.join('')).toBe('0123456789');
      expect(live.map((stored) => stored.sequence)).toEqual(live.map((_, index) => index + 1));
      expect(live[0]?.event.type).toBe('run-start');
      expect(live.at(-1)?.event).toMatchObject({ type: 'run-end', status: 'completed' });
      const later = await collect(0);
      expect(later).toEqual(live);
      expect(await collect(7)).toEqual(live.slice(7));
    });

    it('cancels a run under way, a queued one and a waiting one', async () => {
      const started = gate();
      const hanging = script(async (context) => {
        started.resolve();
        await new Promise((_, reject) =>
          context.signal.addEventListener('abort', () => reject(context.signal.reason as Error), {
            once: true,
          }),
        );
        return answer('never');
      });
      const sessionKey = randomUUID();
      const active = await engine.submit(scope, request(hanging, { sessionKey }));
      await started.promise;
      const queued = await engine.submit(scope, request(hanging, { sessionKey }));
      await engine.cancel(scope, queued.runId);
      expect(await engine.response(scope, queued.runId, { signal: soon() })).toMatchObject({
        status: 'error',
        error: { code: 'cancelled' },
      });
      await engine.cancel(scope, active.runId);
      expect(await engine.response(scope, active.runId, { signal: soon() })).toMatchObject({
        error: { code: 'cancelled' },
      });
      await expect(engine.cancel(scope, active.runId)).rejects.toMatchObject({ code: 'conflict' });
      const waiting = script(async (context) => {
        await context.sleep('nap', 3_600_000);
        return answer('never');
      });
      const asleep = await engine.submit(scope, request(waiting, { timeoutMs: 7_200_000 }));
      await untilStatus(asleep.runId, 'waiting');
      await engine.cancel(scope, asleep.runId);
      expect(await engine.response(scope, asleep.runId, { signal: soon() })).toMatchObject({
        error: { code: 'cancelled' },
      });
    });

    async function untilStatus(runId: string, status: string): Promise<void> {
      const store = new SqlRunStore(ground.storage);
      await expect
        .poll(async () => (await store.get(scope, runId)).status, { timeout: 15_000, interval: 20 })
        .toBe(status);
    }

    it('ends a run at its deadline as a timeout', async () => {
      const hanging = script(() => new Promise(() => {}));
      const { response } = await run(hanging, { timeoutMs: 50 });
      expect(response).toMatchObject({ status: 'timeout', error: { code: 'timeout' } });
    });

    it('waits for a signal as a row, keeps one that came early, and counts a repeated one once', async () => {
      let executions = 0;
      const name = script(async (context) => {
        executions += 1;
        const first = await context.waitForSignal('first', 'go');
        const second = await context.waitForSignal('second', 'go');
        return answer(`${JSON.stringify(first)} ${JSON.stringify(second)}`);
      });
      const submitted = await engine.submit(scope, request(name));
      await untilStatus(submitted.runId, 'waiting');
      await engine.signal(scope, submitted.runId, { id: 'a', name: 'go', payload: 1 });
      await engine.signal(scope, submitted.runId, { id: 'a', name: 'go', payload: 1 });
      await untilStatus(submitted.runId, 'waiting');
      await engine.signal(scope, submitted.runId, { id: 'b', name: 'go', payload: 2 });
      const response = await engine.response(scope, submitted.runId, { signal: soon() });
      expect(response.text).toBe('1 2');
      expect(executions).toBeGreaterThan(1);
    });

    it('knows a step again whose input came from a result, whatever order of keys the database gives back', async () => {
      const name = script(async (context) => {
        const first = await context.step(
          'a',
          'compute',
          () => Promise.resolve({ zebra: 1, b: { cc: 1, c: 2 } }),
          {
            input: null,
          },
        );
        await context.step('b', 'compute', () => Promise.resolve(null), { input: { given: first } });
        await context.waitForSignal('wait', 'go');
        return answer('the same');
      });
      const submitted = await engine.submit(scope, request(name));
      await untilStatus(submitted.runId, 'waiting');
      await engine.signal(scope, submitted.runId, { id: 'a', name: 'go', payload: null });
      expect(await engine.response(scope, submitted.runId, { signal: soon() })).toMatchObject({
        error: null,
        text: 'the same',
      });
    });

    it('sleeps durably and does finished steps only once', async () => {
      let work = 0;
      const name = script(async (context) => {
        await context.step(
          'work',
          'compute',
          () => {
            work += 1;
            return Promise.resolve(null);
          },
          { input: null },
        );
        await context.sleep('nap', 300);
        return answer('rested');
      });
      const { response } = await run(name);
      expect(response.text).toBe('rested');
      expect(work).toBe(1);
    });

    it('lets one branch go on while another waits', async () => {
      const name = script(async (context) => {
        const [signal, made] = await Promise.all([
          context.waitForSignal('wait', 'go'),
          context.step('side', 'compute', () => Promise.resolve('made'), { input: null }),
        ]);
        return answer(`${String(signal)} ${made}`);
      });
      const submitted = await engine.submit(scope, request(name));
      await untilStatus(submitted.runId, 'waiting');
      const steps = await new SqlRunStore(ground.storage).steps(scope, submitted.runId);
      expect(steps.map((step) => step.key)).toEqual(['side']);
      await engine.signal(scope, submitted.runId, { id: 'x', name: 'go', payload: 'gone' });
      expect((await engine.response(scope, submitted.runId, { signal: soon() })).text).toBe('gone made');
    });

    it('executes children with journals of their own, waits inside them included', async () => {
      let childWork = 0;
      const child = script(async (context) => {
        await context.step(
          'c',
          'compute',
          (io) => {
            childWork += 1;
            io.recordUsage({ inputTokens: 1, outputTokens: 1, costUsd: null });
            return Promise.resolve(null);
          },
          { input: null },
        );
        const word = await context.waitForSignal('ask', 'word');
        return answer(`child heard ${String(word)}`);
      });
      const parent = script(async (context) => {
        const outcome = await context.child('delegate', { kind: 'agent', name: child }, { message: 'do' });
        return answer((outcome.output as { text: string }).text);
      });
      const submitted = await engine.submit(scope, request(parent));
      await untilStatus(submitted.runId, 'waiting');
      const store = new SqlRunStore(ground.storage);
      const children = (await store.list(scope, { limit: 50 })).items.filter(
        (one) => one.parentRunId === submitted.runId,
      );
      expect(children).toHaveLength(1);
      await engine.signal(scope, children[0]?.id ?? '', { id: 'w', name: 'word', payload: 'yes' });
      const response = await engine.response(scope, submitted.runId, { signal: soon() });
      expect(response).toMatchObject({ text: 'child heard yes', usage: { inputTokens: 1, outputTokens: 1 } });
      expect(childWork).toBe(1);
    });

    it('keeps tenants apart', async () => {
      const name = script(() => Promise.resolve(answer('mine')));
      const { submitted } = await run(name);
      const other: Scope = { ...scope, tenant: 'other' };
      const store = new SqlRunStore(ground.storage);
      await expect(store.get(other, submitted.runId)).rejects.toMatchObject({ code: 'not_found' });
      await expect(engine.cancel(other, submitted.runId)).rejects.toMatchObject({ code: 'not_found' });
      await expect(engine.response(other, submitted.runId, { signal: soon() })).rejects.toMatchObject({
        code: 'not_found',
      });
      expect((await store.list(other, { limit: 10 })).items).toEqual([]);
    });

    it('hands a run back when the process stops, and another worker finishes it without repeating steps', async () => {
      let work = 0;
      let block = true;
      const reached = gate();
      const name = script(async (context) => {
        await context.step(
          'work',
          'compute',
          () => {
            work += 1;
            return Promise.resolve(null);
          },
          { input: null },
        );
        if (block) {
          reached.resolve();
          await new Promise((_, reject) =>
            context.signal.addEventListener('abort', () => reject(context.signal.reason as Error), {
              once: true,
            }),
          );
        }
        return answer('finished');
      });
      await engine.stop();
      const first = await startEngine();
      const submitted = await first.submit(scope, request(name));
      await reached.promise;
      block = false;
      await first.stop();
      engine = await startEngine();
      const response = await engine.response(scope, submitted.runId, { signal: soon() });
      expect(response).toMatchObject({ status: 'completed', text: 'finished' });
      expect(work).toBe(1);
    });

    it('refuses the writes of a worker whose run was taken over', async () => {
      const inside = gate();
      const release = gate();
      const refused = gate<unknown>();
      const name = script(async (context) => {
        try {
          await context.step(
            'slow',
            'compute',
            async () => {
              inside.resolve();
              await release.promise;
              return 'late';
            },
            { input: null },
          );
        } catch (error) {
          refused.resolve(error);
          throw error;
        }
        return answer('late');
      });
      const submitted = await engine.submit(scope, request(name));
      await inside.promise;
      // What another worker's claim does while this one is paused.
      await ground.storage.db
        .updateTable('runs')
        .set((old) => ({ epoch: old('epoch', '+', 1) }))
        .where('id', '=', submitted.runId)
        .execute();
      release.resolve();
      expect(await refused.promise).toMatchObject({ kind: 'fenced' });
      expect(await new SqlRunStore(ground.storage).steps(scope, submitted.runId)).toEqual([]);
      const { status } = await new SqlRunStore(ground.storage).get(scope, submitted.runId);
      expect(status).toBe('running');
    });
  });
}
