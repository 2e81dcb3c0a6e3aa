import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError, silentLogger, systemClock, type Json } from '../../../src/base/index.ts';
import { playbackRedactor, replayRecording } from '../../../src/engine/runs/index.ts';
import type { RunContext } from '../../../src/engine/runs/index.ts';
import type { Scope } from '../../../src/protocol/index.ts';
import type { TestBase } from './databases.ts';
import { answer, openHistoryGround, scope, type HistoryGround } from './history-ground.ts';

const compute = (context: RunContext, key: string, input: Json, work: () => Json): Promise<Json> =>
  context.step(key, 'compute', () => Promise.resolve(work()), { input });

/** What every database must let the history of runs promise. */
export function describeHistory(title: string, prepare: () => Promise<TestBase>): void {
  describe(title, () => {
    let ground: HistoryGround;
    beforeAll(async () => {
      ground = await openHistoryGround(await prepare());
    });
    afterAll(() => ground.close());
    beforeEach(() => {
      ground.calls.length = 0;
    });

    /** An agent's run of three model calls with tool calls between them; arguments in an order that no database keeps. */
    async function threeTurns(spec: Record<string, Json> = {}, input: Json = { message: 'go' }) {
      ground.model.reply(
        { toolCalls: [{ name: 'look', arguments: { zebra: 1, a: { yy: 2, x: [1] } } }] },
        { text: 'hm', toolCalls: [{ name: 'look' }, { name: 'pay', arguments: { amount: 5 } }] },
        'the answer',
      );
      const name = ground.agent({ instructions: 'You are A.', tools: ['look', 'pay'], ...spec });
      const runId = await ground.run({ kind: 'agent', name }, input);
      return { name, runId };
    }

    describe('replay', () => {
      it('comes to the same, without a call of a model or a tool, and writes nothing', async () => {
        const { runId } = await threeTurns();
        const [modelCalls, toolCalls] = [ground.model.calls.length, ground.calls.length];
        const before = await ground.store.list(scope, { limit: 200 });
        const steps = await ground.store.steps(scope, runId);
        for (const against of ['recorded', 'current'] as const)
          expect(await ground.history.replay(scope, runId, { against })).toEqual({
            runId,
            against,
            identical: true,
            steps: 6,
            difference: null,
            definitionChanges: [],
          });
        expect(ground.model.calls).toHaveLength(modelCalls);
        expect(ground.calls).toHaveLength(toolCalls);
        expect(await ground.store.list(scope, { limit: 200 })).toEqual(before);
        expect(await ground.store.steps(scope, runId)).toEqual(steps);
      });

      it('names the first step that a changed definition changes, and what changed', async () => {
        const { name, runId } = await threeTurns();
        ground.agent({ instructions: 'You are B.', tools: ['look', 'pay'] }, name);
        const report = await ground.history.replay(scope, runId, { against: 'current' });
        expect(report).toMatchObject({
          identical: false,
          difference: {
            reason: 'input',
            step: 'model:1',
            kind: 'model',
            differences: [{ path: '[0].content', before: 'You are A.', after: 'You are B.' }],
          },
          definitionChanges: [{ path: 'spec.instructions', before: 'You are A.', after: 'You are B.' }],
        });
        expect(report.difference?.message).toContain('"You are A." → "You are B."');
        expect(await ground.history.replay(scope, runId, { against: 'recorded' })).toMatchObject({
          identical: true,
        });
      });

      it('names what a tool that is gone leads to', async () => {
        const { name, runId } = await threeTurns();
        ground.agent({ instructions: 'You are A.', tools: ['look'] }, name);
        const { difference } = await ground.history.replay(scope, runId, { against: 'current' });
        expect(difference).toMatchObject({ reason: 'input', step: 'model:3' });
        expect(difference?.message).toContain('there is no tool');
      });

      it('gives a run the past of its session as it was, and says so when the session is gone', async () => {
        const name = ground.agent({ instructions: '' });
        ground.model.reply('one', 'two', 'three');
        const sessionKey = `session-${name}`;
        await ground.run({ kind: 'agent', name }, { message: 'first' }, { sessionKey });
        const second = await ground.run({ kind: 'agent', name }, { message: 'second' }, { sessionKey });
        await ground.run({ kind: 'agent', name }, { message: 'third' }, { sessionKey });
        const recording = await ground.history.recording(scope, second);
        expect(recording.run.history?.map((one) => one.message.content)).toEqual(['first', 'one']);
        expect(await ground.history.replay(scope, second, { against: 'current' })).toMatchObject({
          identical: true,
        });
        const { sessionId } = await ground.store.get(scope, second);
        await ground.store.deleteSession(scope, sessionId ?? '');
        const { difference } = await ground.history.replay(scope, second, { against: 'recorded' });
        expect(difference).toMatchObject({ reason: 'error' });
        expect(difference?.message).toContain('was deleted');
      });

      it('replays timers, signals, children, handled failures and the failure that ended the run', async () => {
        let tries = 0;
        const child = ground.workflow(async (context) => {
          const word = await context.waitForSignal('ask', 'word');
          return answer({ word: word ?? null });
        });
        const parent = ground.workflow(async (context) => {
          await context.sleep('nap', 20);
          const failed = await compute(context, 'try:1', 1, () => {
            tries += 1;
            throw new AppError('upstream_error', 'not yet');
          }).catch((error: unknown) => (error as AppError).message);
          const outcome = await context.child('delegate', { kind: 'workflow', name: child }, { failed });
          await compute(context, 'last', outcome.output, () => {
            tries += 1;
            throw new AppError('invalid_request', 'this is the end');
          });
          return answer('never');
        });
        const runId = await ground.submit({ kind: 'workflow', name: parent }, {});
        await ground.untilStatus(runId, 'waiting');
        await expect
          .poll(async () => (await ground.history.recording(scope, runId)).children['delegate']?.run.id, {
            timeout: 15_000,
          })
          .toBeDefined();
        // A run that waits is replayed up to its wait.
        await ground.untilStatus(runId, 'waiting');
        expect(await ground.history.replay(scope, runId, { against: 'recorded' })).toMatchObject({
          identical: true,
        });
        const waiting = await ground.history.recording(scope, runId);
        const childId = waiting.children['delegate']?.run.id ?? '';
        await ground.engine.signal(scope, childId, { id: 'x', name: 'word', payload: 'yes' });
        await ground.ended(runId);
        expect(tries).toBe(2);
        const recording = await ground.history.recording(scope, runId);
        expect(recording.ending).toMatchObject({ status: 'failed', error: { message: 'this is the end' } });
        expect(recording.children['delegate']?.ending.output).toEqual({ word: 'yes' });
        expect(await ground.history.replay(scope, runId, { against: 'recorded' })).toMatchObject({
          identical: true,
        });
        expect(tries).toBe(2);
      });

      it('names a step that is new, one that is gone, and an output that differs', async () => {
        let version = 1;
        const name = ground.workflow(async (context) => {
          const a = await compute(context, 'a', 1, () => 'A');
          if (version === 2) await compute(context, 'b', 2, () => 'B');
          const c = version === 3 ? 'C' : await compute(context, 'c', 3, () => 'C');
          return answer({ text: version === 4 ? `${String(a)}!` : `${String(a)}${String(c)}` });
        });
        const runId = await ground.run({ kind: 'workflow', name }, {});
        const differs = async (now: number) => {
          version = now;
          return (await ground.history.replay(scope, runId, { against: 'current' })).difference;
        };
        expect(await differs(1)).toBeNull();
        expect(await differs(2)).toMatchObject({ reason: 'missing', step: 'b', kind: 'compute' });
        expect((await differs(2))?.message).toContain('recorded next: "c"');
        expect(await differs(3)).toMatchObject({ reason: 'unused', step: 'c' });
        expect(await differs(4)).toMatchObject({
          reason: 'output',
          step: null,
          differences: [{ path: 'text', before: 'AC', after: 'A!' }],
        });
      });

      it('names the step of a child by its path', async () => {
        const child = ground.agent({ instructions: 'Old.' });
        const parent = ground.workflow(async (context) => {
          const outcome = await context.child('delegate', { kind: 'agent', name: child }, { message: 'hi' });
          return answer(outcome.output);
        });
        ground.model.reply('done');
        const runId = await ground.run({ kind: 'workflow', name: parent }, {});
        ground.agent({ instructions: 'New.' }, child);
        expect(await ground.history.replay(scope, runId, { against: 'recorded' })).toMatchObject({
          identical: true,
          steps: 2,
        });
        expect((await ground.history.replay(scope, runId, { against: 'current' })).difference).toMatchObject({
          reason: 'input',
          step: 'delegate/model:1',
        });
      });

      it('replays a cancelled run up to where it was stopped, and refuses one under way', async () => {
        const inside = Promise.withResolvers<void>();
        const name = ground.workflow(async (context) => {
          await compute(context, 'a', 1, () => 1);
          await context.step(
            'slow',
            'compute',
            async (io) => {
              inside.resolve();
              await new Promise((_, reject) => {
                io.signal.addEventListener('abort', () => reject(io.signal.reason as Error), { once: true });
              });
              return null;
            },
            { input: null },
          );
          return answer('never');
        });
        const runId = await ground.submit({ kind: 'workflow', name }, {});
        await inside.promise;
        await expect(ground.history.replay(scope, runId, { against: 'recorded' })).rejects.toMatchObject({
          code: 'conflict',
        });
        await ground.engine.cancel(scope, runId);
        await ground.ended(runId);
        expect(await ground.history.replay(scope, runId, { against: 'recorded' })).toMatchObject({
          identical: true,
        });
      });
    });

    describe('fork', () => {
      it('keeps what is before the step and pays only for what is behind it', async () => {
        const { runId } = await threeTurns();
        const calls = ground.model.calls.length;
        ground.calls.length = 0;
        ground.model.reply('another answer');
        const { runId: forkId } = await ground.history.fork(scope, runId, { from: 'model:3' });
        expect((await ground.ended(forkId)).text).toBe('another answer');
        expect(ground.model.calls).toHaveLength(calls + 1);
        expect(ground.model.lastCall?.messages.at(-1)).toMatchObject({ role: 'tool', content: 'paid' });
        expect(ground.calls).toEqual([]);
        const fork = await ground.store.get(scope, forkId);
        expect(fork).toMatchObject({
          status: 'completed',
          forkedFrom: runId,
          forkedAtStep: 'model:3',
          effects: 'off',
          sessionId: null,
          usage: { inputTokens: 10, outputTokens: 5 },
        });
        // The origin is as it was, and the fork can be replayed like any run.
        expect(await ground.store.get(scope, runId)).toMatchObject({ status: 'completed' });
        expect(await ground.history.replay(scope, forkId, { against: 'recorded' })).toMatchObject({
          identical: true,
          steps: 6,
        });
      });

      it('keeps calls of the same answer that are not behind the step', async () => {
        const { runId } = await threeTurns();
        ground.calls.length = 0;
        ground.model.reply('again');
        const { runId: forkId } = await ground.history.fork(scope, runId, { from: 'tool:2:0' });
        await ground.ended(forkId);
        expect(ground.calls).toEqual(['look']);
      });

      it('refuses effects unless they were asked for, and tells the model so', async () => {
        const { runId } = await threeTurns();
        for (const [effects, expected] of [
          [undefined, 0],
          [true, 1],
        ] as const) {
          ground.calls.length = 0;
          ground.effects.length = 0;
          ground.model.reply('done again');
          const { runId: forkId } = await ground.history.fork(scope, runId, {
            from: 'tool:2:1',
            ...(effects === undefined ? {} : { effects }),
          });
          await ground.ended(forkId);
          expect(ground.calls.filter((call) => call === 'pay')).toHaveLength(expected);
          const told = ground.model.lastCall?.messages.at(-1);
          if (expected === 0)
            expect(told).toMatchObject({
              role: 'tool',
              name: 'pay',
              isError: true,
              content: expect.stringContaining('without effects') as string,
            });
          else {
            expect(told).toMatchObject({ role: 'tool', content: 'paid' });
            // Its own key: for the target it is another act than the origin's.
            expect(ground.effects).toEqual([`${forkId}:tool:2:1`]);
          }
        }
      });

      it('goes on with another input, output, model or definition', async () => {
        const { name, runId } = await threeTurns();
        ground.model.reply('with B');
        const edited = await ground.history.fork(scope, runId, {
          from: 'model:3',
          set: { 'inputs.message': 'stop', 'steps.tool:2:1.output.content': 'not paid' },
          model: 'other/model',
        });
        await ground.ended(edited.runId);
        expect(ground.model.lastCall).toMatchObject({ model: 'other/model' });
        expect(ground.model.lastCall?.messages.map((message) => message.content)).toEqual(
          expect.arrayContaining(['stop', 'not paid']),
        );
        const stored = await ground.history.recording(scope, edited.runId);
        const origin = await ground.history.recording(scope, runId);
        expect(stored.run.input).toEqual({ message: 'stop' });
        expect(stored.run.definition_hash).not.toBe(origin.run.definition_hash);

        ground.agent({ instructions: 'You are B.', tools: ['look', 'pay'] }, name);
        ground.model.reply('as B');
        const current = await ground.history.fork(scope, runId, { from: 'model:3', definition: 'current' });
        await ground.ended(current.runId);
        expect(ground.model.lastCall?.messages[0]).toMatchObject({ content: 'You are B.' });
      });

      it('takes the name of a loop for all of its elements', async () => {
        const made: string[] = [];
        const name = ground.workflow(async (context) => {
          for (const key of ['before', 'each[0]', 'each[1]'])
            await compute(context, key, key, () => {
              made.push(key);
              return key;
            });
          return answer('done');
        });
        const runId = await ground.run({ kind: 'workflow', name }, {});
        made.length = 0;
        const { runId: forkId } = await ground.history.fork(scope, runId, { from: 'each' });
        await ground.ended(forkId);
        expect(made).toEqual(['each[0]', 'each[1]']);
        expect((await ground.store.get(scope, forkId)).forkedAtStep).toBe('each');
        await expect(ground.history.fork(scope, runId, { from: 'eahc' })).rejects.toThrow(
          'did you mean "each"?',
        );
      });

      it('gives the agent below a workflow another model or its definition of today, where its step is named', async () => {
        const agent = ground.agent({ instructions: 'You are A.' });
        const name = ground.workflow(
          async (context) =>
            answer((await context.child('ask', { kind: 'agent', name: agent }, { message: 'hi' })).output),
          {},
        );
        ground.model.reply('first');
        const runId = await ground.run({ kind: 'workflow', name }, {});
        await expect(
          ground.history.fork(scope, runId, { from: 'ask', model: 'other' }),
        ).rejects.toMatchObject({
          code: 'invalid_request',
          message: expect.stringContaining('such as from "ask/model:1"') as string,
        });
        ground.agent({ instructions: 'You are B.' }, agent);
        for (const [request, expected] of [
          [{ model: 'other/model' }, { model: 'other/model', said: 'You are A.' }],
          [{ definition: 'current' }, { model: 'default', said: 'You are B.' }],
        ] as const) {
          ground.model.reply('second');
          const { runId: forkId } = await ground.history.fork(scope, runId, {
            from: 'ask/model:1',
            ...request,
          });
          await ground.ended(forkId);
          expect(ground.model.lastCall).toMatchObject({
            model: expected.model,
            messages: [{ content: expected.said }, { content: 'hi' }],
          });
        }
      });

      it('cuts a team by who is behind whom, and changes the model of its lead', async () => {
        const [one, two] = [ground.agent({ instructions: 'One.' }), ground.agent({ instructions: 'Two.' })];
        const team = `team-${one}`;
        ground.team(
          {
            mode: 'collaborate',
            members: [
              { agent: one, name: 'one' },
              { agent: two, name: 'two' },
            ],
            limits: { parallel: 1 },
          },
          team,
        );
        ground.model.reply('from one', 'from two', 'both');
        const runId = await ground.run({ kind: 'team', name: team }, { message: 'go' });
        const before = ground.model.calls.length;
        // "two" began after "one" had ended, and is not behind it.
        ground.model.reply('one again', 'both again');
        const { runId: forkId } = await ground.history.fork(scope, runId, { from: 'member:one' });
        await ground.ended(forkId);
        expect(ground.model.calls).toHaveLength(before + 2);
        ground.model.reply('with another');
        const other = await ground.history.fork(scope, runId, { from: 'model:1', model: 'other/model' });
        await ground.ended(other.runId);
        expect(ground.model.calls).toHaveLength(before + 3);
        expect(ground.model.lastCall).toMatchObject({ model: 'other/model' });
      });

      it('refuses an input that the target does not take, before there is a run', async () => {
        const name = ground.workflow(async (context) => answer(await compute(context, 'a', 1, () => 1)), {});
        ground.refused.add(name);
        const runId = await ground.run({ kind: 'workflow', name }, { fine: true });
        await expect(
          ground.history.fork(scope, runId, { from: 'a', input: { fine: false } }),
        ).rejects.toMatchObject({ code: 'invalid_request' });
      });

      it('does again what is behind a step whose output was set', async () => {
        let made = '';
        const name = ground.workflow(
          async (context) => {
            const a = await compute(context, 'a', 1, () => ((made += 'a'), 'A'));
            const [b, side] = await Promise.all([
              compute(context, 'b', a, () => ((made += 'b'), `${String(a)}B`)),
              compute(context, 'side', 0, () => ((made += 's'), 'S')),
            ]);
            return answer({ b, side });
          },
          { a: ['b'] },
        );
        const runId = await ground.run({ kind: 'workflow', name }, {});
        expect(made).toBe('abs');
        made = '';
        const { runId: forkId } = await ground.history.fork(scope, runId, {
          from: 'a',
          set: { 'steps.a.output': 'X' },
        });
        expect((await ground.ended(forkId)).output).toEqual({ b: 'XB', side: 'S' });
        expect(made).toBe('b');
      });

      it('copies children with ids of their own, and goes on inside one', async () => {
        const child = ground.agent({ instructions: 'Child.' });
        const parent = ground.workflow(
          async (context) => {
            const one = await context.child('one', { kind: 'agent', name: child }, { message: '1' });
            const two = await context.child('two', { kind: 'agent', name: child }, { message: '2' });
            return answer([one.output, two.output].map((output) => (output as { text: string }).text));
          },
          { one: ['two'] },
        );
        ground.model.reply('first', 'second');
        const runId = await ground.run({ kind: 'workflow', name: parent }, {});
        ground.model.reply('second again');
        const fork = await ground.history.fork(scope, runId, { from: 'two' });
        expect((await ground.ended(fork.runId)).output).toEqual(['first', 'second again']);
        const [before, after] = await Promise.all([
          ground.history.recording(scope, runId),
          ground.history.recording(scope, fork.runId),
        ]);
        const ids = [before, after].flatMap((one) => Object.values(one.children).map(({ run }) => run.id));
        expect(new Set(ids).size).toBe(4);
        expect(after.steps.find((step) => step.key === 'one')?.output).toMatchObject({
          runId: after.children['one']?.run.id,
        });
        expect(after.children['one']?.steps).toHaveLength(1);

        ground.model.reply('first again', 'second once more');
        const inner = await ground.history.fork(scope, runId, { from: 'one/model:1' });
        expect((await ground.ended(inner.runId)).output).toEqual(['first again', 'second once more']);
        expect((await ground.store.get(scope, inner.runId)).forkedAtStep).toBe('one/model:1');
      });

      it('sees the past of its session without writing to it, unless it is asked to', async () => {
        const name = ground.agent({ instructions: '' });
        const sessionKey = `fork-${name}`;
        ground.model.reply('one', 'two');
        await ground.run({ kind: 'agent', name }, { message: 'first' }, { sessionKey });
        const second = await ground.run({ kind: 'agent', name }, { message: 'second' }, { sessionKey });
        const { sessionId } = await ground.store.get(scope, second);
        const texts = async () =>
          (await ground.store.messages(scope, sessionId ?? '', { limit: 50 })).items.map(
            (item) => item.message.content,
          );
        ground.model.reply('outside', 'inside');
        const outside = await ground.history.fork(scope, second, { from: 'model:1' });
        await ground.ended(outside.runId);
        expect(ground.model.lastCall?.messages.map((message) => message.content)).toEqual([
          'first',
          'one',
          'second',
        ]);
        expect(await texts()).toEqual(['first', 'one', 'second', 'two']);
        const inside = await ground.history.fork(scope, second, { from: 'model:1', session: true });
        await ground.ended(inside.runId);
        expect(await texts()).toEqual(['first', 'one', 'second', 'two', 'second', 'inside']);
      });

      it('asks again for an approval that nothing kept has used, when effects are on', async () => {
        const asked: string[] = [];
        const name = ground.workflow(
          async (context) => {
            for (const which of ['one', 'two']) {
              await context.step(
                `approve-${which}`,
                'approval',
                () => {
                  asked.push(which);
                  return Promise.resolve({ status: 'approved' });
                },
                { input: { act: which } },
              );
              await compute(context, `act-${which}`, which, () => which);
            }
            return answer('done');
          },
          { 'approve-one': ['act-one'], 'act-one': ['approve-two'], 'approve-two': ['act-two'] },
        );
        const runId = await ground.run({ kind: 'workflow', name }, {});
        expect(asked).toEqual(['one', 'two']);
        asked.length = 0;
        await ground.ended((await ground.history.fork(scope, runId, { from: 'act-two' })).runId);
        expect(asked).toEqual([]);
        await ground.ended(
          (await ground.history.fork(scope, runId, { from: 'act-two', effects: true })).runId,
        );
        expect(asked).toEqual(['two']);
      });

      it('makes an approved call only after it was approved anew, and none without effects', async () => {
        const name = ground.agent({
          tools: [{ name: 'pay', approval: { approvers: ['key:tester'] } }],
        });
        const target = { kind: 'agent', name } as const;
        ground.model.reply({ toolCalls: [{ name: 'pay', arguments: { amount: 5, to: 'x' } }] }, 'paid');
        const runId = await ground.submit(target, { message: 'pay' });
        await ground.untilWaitingFor(runId, 'approve:tool:1:0');
        // A fork of a run that waits asks for itself.
        const early = await ground.history.fork(scope, runId, { from: 'approve:tool:1:0', effects: true });
        await ground.untilWaitingFor(early.runId, 'approve:tool:1:0');
        await ground.engine.cancel(scope, early.runId);
        await ground.decide(runId, { decision: 'approve' });
        await ground.ended(runId);
        expect(ground.calls).toEqual(['pay']);

        ground.model.reply('not paid again');
        const without = await ground.history.fork(scope, runId, { from: 'tool:1:0' });
        await ground.ended(without.runId);
        expect(ground.calls).toEqual(['pay']);

        ground.model.reply('paid again');
        const again = await ground.history.fork(scope, runId, { from: 'tool:1:0', effects: true });
        await ground.untilWaitingFor(again.runId, 'approve:tool:1:0');
        expect(ground.calls).toEqual(['pay']);
        await ground.decide(again.runId, { decision: 'approve' });
        expect(await ground.ended(again.runId)).toMatchObject({ text: 'paid again' });
        expect(ground.calls).toEqual(['pay', 'pay']);

        // What was approved and done stays so.
        ground.model.reply('told differently');
        const told = await ground.history.fork(scope, runId, { from: 'model:2', effects: true });
        expect(await ground.ended(told.runId)).toMatchObject({ text: 'told differently' });
        expect(ground.calls).toEqual(['pay', 'pay']);
      });

      it('takes over large outputs, and sets them', async () => {
        const large = { text: 'x'.repeat(300_000) };
        const below = ground.workflow(async (context) =>
          answer(await compute(context, 'large', 1, () => large)),
        );
        const name = ground.workflow(
          async (context) => {
            const child = await context.child('below', { kind: 'workflow', name: below }, {});
            const a = await compute(context, 'a', 1, () => large);
            const length = await compute(context, 'length', null, () => (a as typeof large).text.length);
            return answer({ length, child: (child.output as typeof large).text.length });
          },
          { below: ['a'], a: ['length'] },
        );
        const runId = await ground.run({ kind: 'workflow', name }, {});
        expect(await ground.history.replay(scope, runId, { against: 'recorded' })).toMatchObject({
          identical: true,
        });
        const kept = await ground.history.fork(scope, runId, { from: 'length' });
        expect((await ground.ended(kept.runId)).output).toEqual({ length: 300_000, child: 300_000 });
        const set = await ground.history.fork(scope, runId, {
          from: 'length',
          set: { 'steps.a.output': { text: 'y'.repeat(200_000) } },
        });
        expect((await ground.ended(set.runId)).output).toEqual({ length: 200_000, child: 300_000 });
        const recorded = await ground.history.recording(scope, set.runId);
        expect(recorded.steps.find((step) => step.key === 'below')?.output).toMatchObject({
          runId: recorded.children['below']?.run.id,
        });
        expect(await ground.history.replay(scope, set.runId, { against: 'recorded' })).toMatchObject({
          identical: true,
        });
      });

      it('refuses what it does not understand, naming the nearest', async () => {
        const { runId } = await threeTurns();
        const fork = (request: Parameters<typeof ground.history.fork>[2]) =>
          ground.history.fork(scope, runId, request);
        await expect(fork({ from: 'modle:3' })).rejects.toMatchObject({
          code: 'not_found',
          message: expect.stringContaining('model:3') as string,
        });
        await expect(fork({ from: 'model:2', set: { 'step.x': 1 } })).rejects.toMatchObject({
          code: 'invalid_request',
        });
        await expect(fork({ from: 'model:2', set: { 'steps.tool:2:0.output': 1 } })).rejects.toMatchObject({
          code: 'invalid_request',
          message: expect.stringContaining('is done again') as string,
        });
        const reader: Scope = { ...scope, scopes: ['runs:write'] };
        await expect(ground.history.fork(reader, runId, { from: 'model:2' })).rejects.toMatchObject({
          code: 'forbidden',
        });
      });
    });

    describe('resume and retry', () => {
      it('goes on after a failure with what was done, as a new run, once', async () => {
        const name = ground.agent({ instructions: '', tools: ['look', 'pay'] });
        ground.model.reply(
          { toolCalls: [{ name: 'pay', arguments: { amount: 1 } }] },
          { error: new AppError('model_rejected', 'no more credit') },
        );
        const runId = await ground.run({ kind: 'agent', name }, { message: 'pay' });
        expect(await ground.store.get(scope, runId)).toMatchObject({ status: 'failed' });
        const before = await ground.history.recording(scope, runId);
        ground.model.reply('paid, at last');
        ground.calls.length = 0;
        const both = await Promise.allSettled([
          ground.history.resume(scope, runId),
          ground.history.resume(scope, runId),
        ]);
        const [resumed] = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
        const refused = both.flatMap((one) => (one.status === 'rejected' ? [one.reason as AppError] : []));
        expect(refused).toMatchObject([{ code: 'conflict' }]);
        expect(await ground.ended(resumed?.runId ?? '')).toMatchObject({ text: 'paid, at last' });
        expect(ground.calls).toEqual([]);
        expect(await ground.store.get(scope, resumed?.runId ?? '')).toMatchObject({
          effects: 'on',
          forkedFrom: runId,
          forkedAtStep: 'model:2',
        });
        expect(await ground.history.recording(scope, runId)).toEqual(before);
        await expect(ground.history.resume(scope, runId)).rejects.toMatchObject({ code: 'conflict' });
        await expect(ground.history.resume(scope, resumed?.runId ?? '')).rejects.toMatchObject({
          code: 'conflict',
        });
      });

      it('goes on inside the child that failed, and leaves failures alone that the run had dealt with', async () => {
        let mended = false;
        const made: string[] = [];
        const child = ground.workflow(
          async (context) => {
            await compute(context, 'c1', 1, () => made.push('c1'));
            await compute(context, 'c2', 2, () => {
              made.push('c2');
              if (!mended) throw new AppError('upstream_error', 'broken below');
              return 'mended';
            });
            return answer('child is done');
          },
          { c1: ['c2'] },
        );
        const parent = ground.workflow(
          async (context) => {
            const doubt = await compute(context, 'doubtful', 1, () => {
              made.push('doubtful');
              throw new AppError('conflict', 'may or may not have happened');
            }).catch((error: unknown) => (error as Error).message);
            const outcome = await context.child('below', { kind: 'workflow', name: child }, {});
            if (outcome.error !== null) throw new AppError(outcome.error.code, outcome.error.message);
            return answer({ doubt, below: outcome.output });
          },
          { doubtful: ['below'] },
        );
        const runId = await ground.run({ kind: 'workflow', name: parent }, {});
        expect(made).toEqual(['doubtful', 'c1', 'c2']);
        mended = true;
        const resumed = await ground.history.resume(scope, runId);
        expect(await ground.ended(resumed.runId)).toMatchObject({
          output: { doubt: 'may or may not have happened', below: 'child is done' },
        });
        expect(made).toEqual(['doubtful', 'c1', 'c2', 'c2']);
        expect((await ground.store.get(scope, resumed.runId)).forkedAtStep).toBe('below/c2');
      });

      it('makes a request again from its beginning, in its session, with the definition of today', async () => {
        const name = ground.agent({ instructions: 'Old.' });
        ground.model.reply({ error: new AppError('model_rejected', 'no') }, 'yes');
        const sessionKey = `retry-${name}`;
        const runId = await ground.run({ kind: 'agent', name }, { message: 'hi' }, { sessionKey });
        ground.agent({ instructions: 'New.' }, name);
        const again = await ground.history.retry(scope, runId);
        expect(await ground.ended(again.runId)).toMatchObject({ text: 'yes' });
        expect(ground.model.lastCall?.messages[0]).toMatchObject({ content: 'New.' });
        const [first, second] = await Promise.all([
          ground.store.get(scope, runId),
          ground.store.get(scope, again.runId),
        ]);
        expect(second.sessionId).toBe(first.sessionId);
        expect(second.metadata).toMatchObject({ retry_of: runId });
        await expect(ground.history.retry(scope, again.runId)).rejects.toMatchObject({ code: 'conflict' });
      });
    });

    it.each(['resume', 'retry'] as const)('settles the dead letter of a run that is %s-d', async (verb) => {
      ground.model.reply({ error: new AppError('model_rejected', 'no') }, 'yes');
      const name = ground.agent({ instructions: 'A.' });
      const runId = await ground.run({ kind: 'agent', name }, { message: 'hi' });
      const letter = { id: `dlq_${runId}`, tenant: 'default', kind: 'run' as const, ref_id: runId };
      await ground.storage.db
        .insertInto('dead_letters')
        .values({ ...letter, reason: 'crashed', created_at: new Date() })
        .execute();
      const again = await ground.history[verb](scope, runId);
      await ground.ended(again.runId);
      const row = await ground.storage.db
        .selectFrom('dead_letters')
        .selectAll()
        .where('id', '=', letter.id)
        .executeTakeFirstOrThrow();
      expect(row).toMatchObject({
        resolution: 'retried',
        resolved_by: scope.principal,
        new_run_id: again.runId,
        note: verb === 'resume' ? 'resumed' : null,
      });
      expect(row.resolved_at).not.toBeNull();
    });

    it('compares two runs step by step', async () => {
      const { runId } = await threeTurns();
      ground.model.reply('another answer');
      const fork = await ground.history.fork(scope, runId, {
        from: 'model:3',
        set: { 'steps.tool:2:1.output.content': 'not paid' },
      });
      await ground.ended(fork.runId);
      const diff = await ground.history.diff(scope, runId, fork.runId);
      expect(diff.a).toMatchObject({ id: runId, status: 'completed', steps: 6 });
      expect(diff.b.usage).toEqual({ input_tokens: 10, output_tokens: 5, cost_usd: null });
      const different = diff.steps.filter((step) => !step.same).map((step) => step.step);
      expect(different.toSorted()).toEqual(['model:3', 'tool:2:1']);
      expect(diff.steps.find((step) => step.step === 'tool:2:1')?.output).toEqual([
        { path: 'content', before: 'paid', after: 'not paid' },
      ]);
      expect(diff.output).toEqual([{ path: 'text', before: 'the answer', after: 'another answer' }]);
      const other = await ground
        .run({ kind: 'agent', name: ground.agent({ instructions: 'x' }) }, 'hi')
        .catch(() => '');
      const far = await ground.history.diff(scope, runId, other);
      expect(far.steps.find((step) => step.step === 'tool:1:0')).toMatchObject({ b: null, same: false });
    });

    it('shows nothing to other tenants', async () => {
      const { runId } = await threeTurns();
      const other: Scope = { ...scope, tenant: 'other' };
      const { history } = ground;
      const attempts: (() => Promise<unknown>)[] = [
        () => history.recording(other, runId),
        () => history.cassette(other, runId, { pii: false }),
        () => history.replay(other, runId, { against: 'recorded' }),
        () => history.fork(other, runId, { from: 'model:1' }),
        () => history.resume(other, runId),
        () => history.retry(other, runId),
        () => history.diff(other, runId, runId),
      ];
      for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'not_found' });
    });

    it('exports a cassette that plays and holds none of the secrets', async () => {
      const secrets = ['hunter2', 'zebra-horse-42', 'sk-abcdefghijklmnop1234', 'from-the-environment-9'];
      ground.secrets.push('from-the-environment-9');
      ground.model.reply(
        {
          text: 'using zebra-horse-42',
          toolCalls: [
            {
              name: 'look',
              arguments: {
                password: 'hunter2',
                headers: { Authorization: 'Bearer zebra-horse-42', Cookie: 'sid=abcdef123456' },
                url: 'https://x.test/?api_key=sk-abcdefghijklmnop1234',
              },
            },
          ],
        },
        'It says hunter2 and from-the-environment-9; write to jane@corp.test, abcdef123456',
      );
      const name = ground.agent({
        instructions: 'Log in with {{ password }}.',
        variables: { password: 'variable-secret-7' },
        tools: ['look'],
      });
      const runId = await ground.run(
        { kind: 'agent', name },
        { message: 'my token: zebra-horse-42 and hunter2', variables: { note: 'plain' } },
      );
      const cassette = await ground.history.cassette(scope, runId, { pii: true });
      const text = JSON.stringify(cassette);
      for (const secret of [...secrets, 'variable-secret-7', 'abcdef123456', 'jane@corp.test', 'tester'])
        expect(text, secret).not.toContain(secret);
      expect(text).toContain('[redacted]');
      expect(text).toContain('plain');
      for (const against of ['recorded', 'current'] as const) {
        const player = playbackRedactor(
          cassette,
          ground.definitions.map((one) => one.definition as unknown as Json),
        );
        const replay = await replayRecording(cassette, {
          executors: ground.executors,
          against,
          scope,
          clock: systemClock,
          logger: silentLogger,
          signal: AbortSignal.timeout(10_000),
          prepare: (value) => player.redact(value),
        });
        expect(replay.difference).toBeNull();
      }
    });
  });
}
