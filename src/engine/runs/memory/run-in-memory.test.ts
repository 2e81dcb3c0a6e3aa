import { describe, expect, it } from 'vitest';
import { AppError, type Json } from '../../../base/index.ts';
import { approvalSpec, type ApprovalRequest, type RunEvent, type Scope } from '../../../protocol/index.ts';
import { FakeClock } from '../../../testing/index.ts';
import { RunInterruption } from '../interruptions.ts';
import {
  MemoryJournal,
  runInMemory,
  type MemoryRunOptions,
  type RunContext,
  type RunExecutor,
  type RunResult,
} from '../index.ts';

type Script = (context: RunContext) => Promise<Json>;

function executorOf(scripts: Readonly<Record<string, Script>>): RunExecutor {
  return {
    snapshot: (_scope: Scope, name: string) =>
      Promise.resolve({ hash: name, definition: { name }, timeoutMs: 1000 }),
    execute: async (definition, context): Promise<RunResult> => {
      const output = (await scripts[(definition as { name: string }).name]?.(context)) ?? null;
      return { output, text: '', messages: [] };
    },
  };
}

const run = (scripts: Readonly<Record<string, Script>>, more: Partial<MemoryRunOptions> = {}) =>
  runInMemory({
    executors: { workflow: executorOf(scripts) },
    target: { kind: 'workflow', name: 'main' },
    input: { x: 1 },
    ...more,
  });

const step = (context: RunContext, key: string, work: () => Promise<Json>, input: Json = null) =>
  context.step(key, 'compute', work, { input });

describe('a run in memory', () => {
  it('makes steps once, however often it is executed', async () => {
    const journal = new MemoryJournal();
    const made: string[] = [];
    const main: Script = async (context) => {
      const make = (key: string) => step(context, key, () => Promise.resolve(made.push(key)));
      const [a, b] = await Promise.all([make('a'), make('b')]);
      return [a ?? null, b ?? null, context.input, context.depth];
    };
    const first = await run({ main }, { journal });
    expect(first).toMatchObject({ status: 'completed', result: { output: [1, 2, { x: 1 }, 0] } });
    expect(await run({ main }, { journal })).toEqual(first);
    expect(made).toEqual(['a', 'b']);
  });

  it('throws the stored error of a failed step again, and ends with what the run throws', async () => {
    const journal = new MemoryJournal();
    let tries = 0;
    const main: Script = (context) =>
      step(context, 'a', () => {
        tries += 1;
        return Promise.reject(new AppError('upstream_error', 'no answer', { details: { host: 'x' } }));
      });
    for (let time = 0; time < 2; time += 1)
      expect(await run({ main }, { journal })).toMatchObject({
        status: 'failed',
        error: { code: 'upstream_error', message: 'no answer', details: { host: 'x' } },
      });
    expect(tries).toBe(1);
  });

  it('refuses a key that is asked for twice, and other input under a known key', async () => {
    const twice: Script = async (context) => {
      await step(context, 'a', () => Promise.resolve(1));
      return step(context, 'a', () => Promise.resolve(1));
    };
    expect(await run({ main: twice })).toMatchObject({ error: { code: 'nondeterministic_run' } });
    const journal = new MemoryJournal();
    const asks =
      (input: Json): Script =>
      (context) =>
        step(context, 'a', () => Promise.resolve('A'), input);
    expect(await run({ main: asks({ b: 1, a: [2] }) }, { journal })).toMatchObject({ status: 'completed' });
    expect(await run({ main: asks({ a: [2], b: 1 }) }, { journal })).toMatchObject({ status: 'completed' });
    expect(await run({ main: asks({ a: [3], b: 1 }) }, { journal })).toMatchObject({
      error: { code: 'nondeterministic_run', details: { step: 'a' } },
    });
  });

  it('leaves a step that was under way at the end of an execution open, or in doubt where it says so', async () => {
    const journal = new MemoryJournal();
    let crash = true;
    let made = 0;
    const main: Script = async (context) => {
      const one = async (key: string, onDoubt: 'retry' | 'fail') =>
        context
          .step(
            key,
            'action',
            () => {
              made += 1;
              return crash
                ? Promise.reject(new RunInterruption('shutdown', 'the process ends'))
                : Promise.resolve(key);
            },
            { input: null, onDoubt },
          )
          .catch((error: unknown) => {
            if (error instanceof RunInterruption) throw error;
            return (error as AppError).code;
          });
      const results = await Promise.allSettled([one('again', 'retry'), one('once', 'fail')]);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      return results.map((result) => (result.status === 'fulfilled' ? result.value : null));
    };
    await expect(run({ main }, { journal })).rejects.toMatchObject({ kind: 'shutdown' });
    expect(made).toBe(2);
    crash = false;
    expect(await run({ main }, { journal })).toMatchObject({ result: { output: ['again', 'conflict'] } });
    expect(made).toBe(3);
  });

  it('waits by its clock, for signals, for people and for children, and counts what they used', async () => {
    const clock = new FakeClock();
    const journal = new MemoryJournal();
    const question: ApprovalRequest = {
      kind: 'question',
      title: 'Which?',
      message: '',
      subject: null,
      answerSchema: null,
      rules: approvalSpec.parse({}),
    };
    const child: Script = async (context) => {
      await context.step(
        'paid',
        'model',
        (io) => {
          io.recordUsage({ inputTokens: 3, outputTokens: 2, costUsd: 0.5 });
          return Promise.resolve(null);
        },
        { input: null },
      );
      return { depth: context.depth, root: context.rootRunId, of: context.input };
    };
    const main: Script = async (context) => {
      await context.sleep('nap', 60_000);
      const heard = await context.waitForSignal('ear', 'word', { timeoutMs: 5 });
      const missed = await context.waitForSignal('deaf', 'silence');
      const { answer } = await context.approve('ask', question);
      const { output } = await context.child('below', { kind: 'workflow', name: 'child' }, { y: 2 });
      return [heard ?? null, missed ?? null, answer, output];
    };
    let asked = 0;
    const events: RunEvent[] = [];
    const options: Partial<MemoryRunOptions> = {
      clock,
      journal,
      runId: 'run_1',
      emit: (event) => events.push(event),
      onSignal: (name) => Promise.resolve(name === 'word' ? { said: 'yes' } : undefined),
      onApproval: () => {
        asked += 1;
        return Promise.resolve({
          approvalId: 'apr_1',
          status: 'answered',
          answer: 'this',
          comment: null,
          decidedBy: 'user:jane',
          decidedAt: '2026-01-01T00:00:00.000Z',
        });
      },
    };
    const running = run({ main, child }, options);
    await clock.advance(59_999);
    expect(asked).toBe(0);
    await clock.advance(1);
    const expected = {
      status: 'completed',
      usage: { inputTokens: 3, outputTokens: 2, costUsd: 0.5 },
      result: {
        output: [{ said: 'yes' }, null, 'this', { depth: 1, root: 'run_1', of: { y: 2 } }],
      },
    };
    expect(await running).toMatchObject(expected);
    expect(events.filter((event) => event.type === 'step-end')).toHaveLength(6);
    // Executed again, all of it answers from the journal.
    expect(await run({ main, child }, options)).toMatchObject(expected);
    expect(asked).toBe(1);
  });

  it('ends as cancelled or timed out when its signal aborts', async () => {
    for (const [reason, status] of [
      [new AppError('cancelled', 'stopped'), 'cancelled'],
      [new DOMException('late', 'TimeoutError'), 'timeout'],
    ] as const) {
      const controller = new AbortController();
      const running = run(
        { main: (context) => context.sleep('nap', 1000).then(() => null) },
        { clock: new FakeClock(), signal: controller.signal },
      );
      controller.abort(reason);
      expect(await running).toMatchObject({ status });
    }
  });

  it('refuses to nest without end', async () => {
    let deepest = 0;
    const ended = await run({
      main: async (context) => {
        deepest = Math.max(deepest, context.depth);
        return (await context.child('again', context.target, null)).error?.code ?? null;
      },
    });
    expect(ended).toMatchObject({ status: 'completed' });
    expect(deepest).toBe(8);
  });

  it('ends a child by its own signal, and knows of a step only what an earlier execution recorded', async () => {
    const journal = new MemoryJournal();
    const known: boolean[] = [];
    const scripts = {
      main: async (context: RunContext) => {
        const one = await context.child('one', { kind: 'workflow', name: 'sleeper' }, null, {
          signal: AbortSignal.abort(new AppError('cancelled', 'not wanted')),
        });
        known.push(context.recorded('one'));
        return one.status;
      },
      sleeper: (context: RunContext) => context.sleep('nap', 1000).then(() => null),
    };
    const options = { journal, clock: new FakeClock() };
    expect((await run(scripts, options)).result?.output).toBe('cancelled');
    expect((await run(scripts, options)).result?.output).toBe('cancelled');
    expect(known).toEqual([false, true]);
  });

  it('says that nobody answers', async () => {
    expect(
      await run({ main: (context) => context.waitForSignal('ear', 'word').then(() => null) }),
    ).toMatchObject({ status: 'failed', error: { code: 'not_ready' } });
  });
});
