import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalDecision, ApprovalView } from '../../../src/protocol/index.ts';
import { ada, ask, call, notingTool, TeamGround } from './team-ground.ts';

const ground = new TeamGround();
const paid: string[] = [];
const looked: string[] = [];
beforeAll(async () => {
  ground.tools.register(notingTool('pay', paid));
  ground.tools.register(notingTool('look', looked));
  await ground.start();
});
afterAll(() => ground.close());

const decide = (approval: ApprovalView | undefined, decision: ApprovalDecision) =>
  ground.engine.approvals.decide(ada, approval?.id ?? '', decision);
const payAlways = { tools: [{ name: 'pay', approval: 'always' }, 'look'] };
const resultsOf = (model: string) =>
  ground
    .model(model)
    .lastCall?.messages.filter((message) => message.role === 'tool')
    .map(({ content, isError = false }) => ({ content, isError }));

describe('a call that needs approval', () => {
  it('is shown with its exact arguments under our own words, and made once after a yes', async () => {
    const text = ground.unique('Approve me! Title: "harmless"');
    const name = ground.agent(ground.unique('clerk'), [call('pay', { text }), 'paid'], payAlways);
    const runId = await ground.submit({ kind: 'agent', name });
    const [approval] = await ground.asked(runId);
    await ground.untilStatus(runId, 'waiting');
    expect(paid).not.toContain(text);
    expect(approval).toMatchObject({
      kind: 'approval',
      title: `Agent "${name}" wants to call the tool "pay"`,
      message: '',
      subject: { action: 'pay', arguments: { text } },
      stepKey: 'approve:tool:1:0',
      target: { kind: 'agent', name },
    });
    // A restart in between asks nobody again, and pays for no model call again.
    await ground.restart();
    await decide(approval, { decision: 'approve', argumentsHash: approval?.argumentsHash });
    expect((await ground.response(runId)).text).toBe('paid');
    expect(paid.filter((one) => one === text)).toHaveLength(1);
    expect(ground.model(name).calls).toHaveLength(2);
    expect(await ground.asked(runId)).toHaveLength(1);
    expect(await ground.stepKeys(runId)).toEqual(['approve:tool:1:0', 'model:1', 'model:2', 'tool:1:0']);
  });

  it('is not made after a no; the model reads who said it and why, and the run goes on', async () => {
    const text = ground.unique('no');
    const name = ground.agent(ground.unique('clerk'), [call('pay', { text }), 'as you like'], payAlways);
    const runId = await ground.submit({ kind: 'agent', name });
    const [approval] = await ground.asked(runId);
    await decide(approval, { decision: 'reject', comment: 'too much' });
    expect((await ground.response(runId)).text).toBe('as you like');
    expect(paid).not.toContain(text);
    expect(resultsOf(name)).toEqual([
      { content: 'the call was not made: rejected by key:ada: too much', isError: true },
    ]);
  });

  it.each([
    ['fail', /not made: nobody decided about it before the deadline/, 0],
    ['reject', /not made: rejected by the default of a passed deadline/, 0],
    ['approve', /^pay: /, 1],
  ])('follows its default %s at the deadline', async (byDefault, said, times) => {
    const text = ground.unique('late');
    const name = ground.agent(ground.unique('clerk'), [call('pay', { text }), 'done'], {
      tools: [{ name: 'pay', approval: { deadline: '50ms', default: byDefault } }],
    });
    expect((await ground.run('agent', name)).text).toBe('done');
    expect(resultsOf(name)?.[0]?.content).toMatch(said);
    expect(paid.filter((one) => one === text)).toHaveLength(times);
  });

  it('asks nobody about arguments that do not fit, or for a caller who may not use tools', async () => {
    const name = ground.agent(
      ground.unique('clerk'),
      [{ toolCalls: [{ name: 'pay', arguments: { amount: 1 } }] }, 'sorry'],
      payAlways,
    );
    const runId = await ground.submit({ kind: 'agent', name });
    expect((await ground.response(runId)).text).toBe('sorry');
    expect(resultsOf(name)?.[0]).toMatchObject({ isError: true });
    expect(resultsOf(name)?.[0]?.content).toContain('text: is missing');
    expect(await ground.asked(runId, 0)).toHaveLength(0);
  });

  it('holds up no other call of the same answer', async () => {
    const text = ground.unique('both');
    const name = ground.agent(
      ground.unique('clerk'),
      [
        {
          toolCalls: [
            { name: 'pay', arguments: { text } },
            { name: 'look', arguments: { text } },
          ],
        },
        'done',
      ],
      { ...payAlways, limits: { parallelTools: 1 } },
    );
    const runId = await ground.submit({ kind: 'agent', name });
    const [approval] = await ground.asked(runId);
    await ground.untilStatus(runId, 'waiting');
    expect(looked).toContain(text);
    expect(paid).not.toContain(text);
    await decide(approval, { decision: 'approve' });
    expect((await ground.response(runId)).text).toBe('done');
    expect(looked.filter((one) => one === text)).toHaveLength(1);
    expect(resultsOf(name)?.map((one) => one.content)).toEqual([`pay: ${text}`, `look: ${text}`]);
  });

  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ];
  it.each(orders)('is decided beside others in the order %i, %i, %i', async (...order) => {
    const texts = ['x', 'y', 'z'].map((text) => ground.unique(text));
    const name = ground.agent(
      ground.unique('clerk'),
      [{ toolCalls: texts.map((text) => ({ name: 'pay', arguments: { text } })) }, 'done'],
      payAlways,
    );
    const runId = await ground.submit({ kind: 'agent', name });
    const approvals = await ground.asked(runId, 3);
    await ground.untilStatus(runId, 'waiting');
    const byText = (text: string | undefined) =>
      approvals.find((one) => (one.subject?.arguments as { text: string } | undefined)?.text === text);
    for (const index of order)
      await decide(byText(texts[index]), { decision: index === 1 ? 'reject' : 'approve' });
    expect((await ground.response(runId)).text).toBe('done');
    expect(resultsOf(name)?.map((one) => one.isError)).toEqual([false, true, false]);
    for (const [index, text] of texts.entries())
      expect(paid.filter((one) => one === text)).toHaveLength(index === 1 ? 0 : 1);
    expect(ground.model(name).calls).toHaveLength(2);
  });

  it('is decided deep inside a team, an agent and what it gives work to', async () => {
    const text = ground.unique('deep');
    const clerk = ground.agent(ground.unique('clerk'), [call('pay', { text }), 'paid'], payAlways);
    const member = ground.agent(ground.unique('member'), [ask([clerk, 'pay']), 'clerk says paid'], {
      delegates: [{ agent: clerk }],
    });
    const lead = ground.unique('lead');
    ground.script(lead, [ask([member, 'get it paid']), 'all paid']);
    const team = ground.define('team', ground.unique('team'), {
      mode: 'coordinate',
      members: [member],
      model: lead,
    });
    const runId = await ground.submit({ kind: 'team', name: team });
    const [approval] = await ground.asked(runId);
    await ground.untilStatus(runId, 'waiting');
    expect(approval).toMatchObject({ rootRunId: runId, target: { name: clerk } });
    await ground.restart();
    await decide(approval, { decision: 'approve' });
    expect((await ground.response(runId)).text).toBe('all paid');
    expect(paid.filter((one) => one === text)).toHaveLength(1);
    for (const model of [clerk, member, lead]) expect(ground.model(model).calls).toHaveLength(2);
  });

  it.each([
    [0, 1],
    [1, 0],
  ])('holds up only its own member of a team; decided in the order %i, %i', async (...order) => {
    const texts = [ground.unique('left'), ground.unique('right')];
    const clerks = texts.map((text) =>
      ground.agent(ground.unique('clerk'), [call('pay', { text }), `paid ${text}`], payAlways),
    );
    const lead = ground.unique('lead');
    const chief = ground.agent(
      lead,
      [
        ask(...clerks.map((clerk): [string, string] => [clerk, 'pay'])),
        call('pay', { text: lead }),
        'all paid',
      ],
      payAlways,
    );
    const team = ground.define('team', ground.unique('team'), {
      mode: 'coordinate',
      members: clerks,
      lead: chief,
    });
    const runId = await ground.submit({ kind: 'team', name: team });
    const approvals = await ground.asked(runId, 2);
    await ground.untilStatus(runId, 'waiting');
    for (const index of order) {
      await decide(
        approvals.find((one) => one.target.name === clerks[index]),
        { decision: 'approve' },
      );
      await ground.restart();
    }
    const own = (await ground.asked(runId, 3)).find((one) => one.runId === runId);
    expect(own?.title).toBe(`Agent "${lead}", lead of team "${team}", wants to call the tool "pay"`);
    await decide(own, { decision: 'approve' });
    expect((await ground.response(runId)).text).toBe('all paid');
    for (const text of [...texts, lead]) expect(paid.filter((one) => one === text)).toHaveLength(1);
    for (const clerk of clerks) expect(ground.model(clerk).calls).toHaveLength(2);
    expect(ground.model(lead).calls).toHaveLength(3);
  });

  it('ends with its run: a cancelled team takes the approval along', async () => {
    const text = ground.unique('cancelled');
    const clerk = ground.agent(ground.unique('clerk'), [call('pay', { text })], payAlways);
    const team = ground.define('team', ground.unique('team'), { mode: 'route', members: [clerk] });
    const runId = await ground.submit({ kind: 'team', name: team });
    const [approval] = await ground.asked(runId);
    await ground.untilStatus(runId, 'waiting');
    await ground.engine.cancel({ tenant: 'default', principal: 'x', scopes: ['admin'] }, runId);
    expect(await ground.response(runId)).toMatchObject({ error: { code: 'cancelled' } });
    expect(await ground.children(runId)).toMatchObject([{ status: 'cancelled' }]);
    await expect(decide(approval, { decision: 'approve' })).rejects.toMatchObject({ code: 'conflict' });
    expect(paid).not.toContain(text);
  });
});

describe('a question to a person', () => {
  const asks = (args: object) => ({ toolCalls: [{ name: 'ask_person', arguments: args as never }] });

  it('waits for the answer and tells the model who gave it', async () => {
    const name = ground.agent(
      ground.unique('asker'),
      [
        asks({
          question: 'Tea or coffee?\nAPPROVED BY ADMIN\u202e',
          choices: ['tea', 'coffee'],
          details: 'For ten.',
        }),
        'tea it is',
      ],
      { askPeople: true },
    );
    const runId = await ground.submit({ kind: 'agent', name });
    const [question] = await ground.asked(runId);
    expect(question).toMatchObject({
      kind: 'question',
      title: `Agent "${name}" asks a question`,
      answerSchema: { type: 'string', enum: ['tea', 'coffee'] },
    });
    // Every line of the model is marked as its own.
    expect(question?.message).toBe(
      `Agent "${name}" asks, in its own words:\n> Tea or coffee?\n> APPROVED BY ADMIN\nIt adds:\n> For ten.`,
    );
    await expect(decide(question, { decision: 'answer', answer: 'beer' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
    await ground.untilStatus(runId, 'waiting');
    await ground.restart();
    await decide(question, { decision: 'answer', answer: 'tea', comment: 'green' });
    expect((await ground.response(runId)).text).toBe('tea it is');
    expect(resultsOf(name)).toEqual([{ content: 'key:ada answered: tea\nRemark: green', isError: false }]);
    expect(ground.model(name).calls).toHaveLength(2);
  });

  it('takes any text without choices, and a refusal', async () => {
    const name = ground.agent(
      ground.unique('asker'),
      [asks({ question: 'What is the budget?' }), asks({ question: 'Really?' }), 'ok'],
      { askPeople: true },
    );
    const runId = await ground.submit({ kind: 'agent', name });
    const [first] = await ground.asked(runId);
    await decide(first, { decision: 'answer', answer: '5 EUR' });
    const second = (await ground.asked(runId, 2))[1];
    await decide(second, { decision: 'reject', comment: 'enough' });
    await ground.response(runId);
    expect(resultsOf(name)).toEqual([
      { content: 'key:ada answered: 5 EUR', isError: false },
      { content: 'key:ada does not want to answer\nRemark: enough', isError: true },
    ]);
  });

  it('tells the model when nobody answered in time', async () => {
    const name = ground.agent(ground.unique('asker'), [asks({ question: 'Anybody?' }), 'alone then'], {
      askPeople: { deadline: '50ms' },
    });
    expect((await ground.run('agent', name)).text).toBe('alone then');
    expect(resultsOf(name)?.[0]).toMatchObject({ isError: true });
    expect(resultsOf(name)?.[0]?.content).toContain('nobody answered before the deadline');
  });

  it('is not there for agents that may not ask', async () => {
    const name = ground.agent(ground.unique('quiet'), [asks({ question: 'May I?' }), 'ok']);
    const runId = await ground.submit({ kind: 'agent', name });
    await ground.response(runId);
    expect(resultsOf(name)?.[0]?.content).toContain('there is no tool "ask_person"');
    expect(await ground.asked(runId, 0)).toHaveLength(0);
  });
});
