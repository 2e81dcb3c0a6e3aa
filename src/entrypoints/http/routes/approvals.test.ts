import { describe, expect, it } from 'vitest';
import { pendingApproval } from '../../../testing/fake-approvals.ts';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

const decision = '/api/v1/approvals/apr_000001/decision';

describe('/api/v1/approvals', () => {
  it('lists what is asked and shows one with the exact arguments', async () => {
    const { app, approvals } = await openHttpGround();
    const get = async (url: string) => (await app.inject({ url, headers: asAdmin })).json<unknown>();
    const approval = {
      id: 'apr_000001',
      code: '000001',
      run_id: 'run_1',
      status: 'pending',
      subject: { action: 'send_mail', arguments: { to: 'ada@example.org' } },
      arguments_hash: 'a'.repeat(64),
      decided_by: null,
    };
    expect(await get('/api/v1/approvals?status=pending&run_id=run_1&limit=3&cursor=c')).toMatchObject({
      items: [approval],
      next: null,
    });
    expect(approvals.queries).toEqual([{ status: 'pending', runId: 'run_1', limit: 3, cursor: 'c' }]);
    expect(await get('/api/v1/approvals/000001')).toMatchObject(approval);
    expect(await get('/api/v1/approvals/none')).toMatchObject({ status: 404, code: 'not_found' });
    expect(await get('/api/v1/approvals?status=maybe')).toMatchObject({ status: 400 });
    expect(await get('/api/v1/runs/run_1')).toMatchObject({ pending_approvals: ['apr_000001'] });
  });

  it('decides for the caller', async () => {
    const { app, approvals } = await openHttpGround();
    const headers = { 'x-api-key': 'key-approvals:decide' };
    const body = { decision: 'approve', comment: 'fine', arguments_hash: 'a'.repeat(64) };
    const decided = await app.inject({ method: 'POST', url: decision, headers, body });
    expect([decided.statusCode, decided.json()]).toMatchObject([
      200,
      { status: 'approved', decided_by: 'key:approvals:decide', comment: 'fine' },
    ]);
    await app.inject({ method: 'POST', url: decision, headers, body: { decision: 'answer', answer: null } });
    expect(approvals.decisions.map((one) => one.decision)).toEqual([
      { decision: 'approve', answer: undefined, comment: 'fine', argumentsHash: 'a'.repeat(64) },
      { decision: 'answer', answer: null, comment: undefined, argumentsHash: undefined },
    ]);
  });

  it.each([
    ['another word', { decision: 'yes' }],
    ['no decision', { comment: 'x' }],
    ['a hash of another form', { decision: 'approve', arguments_hash: 'abc' }],
    ['a field that it does not know', { decision: 'approve', force: true }],
  ])('refuses %s', async (_what, body) => {
    const { app, approvals } = await openHttpGround();
    const answer = await app.inject({ method: 'POST', url: decision, headers: asAdmin, body });
    expect(answer.statusCode).toBe(400);
    expect(approvals.decisions).toEqual([]);
  });

  it.each([
    ['GET', '/api/v1/approvals', 'approvals:decide'],
    ['GET', '/api/v1/approvals/apr_000001', 'approvals:decide'],
    ['POST', decision, 'approvals:read'],
    ['POST', '/api/v1/runs/run_1/signals/go', 'runs:read'],
  ] as const)('%s %s is not for a key with %s only', async (method, url, scope) => {
    const { app, approvals } = await openHttpGround();
    const headers = { 'x-api-key': `key-${scope}` };
    const body = method === 'POST' ? { decision: 'approve' } : undefined;
    const answer = await app.inject({ method, url, headers, ...(body === undefined ? {} : { body }) });
    expect(answer.statusCode).toBe(403);
    expect(approvals.decisions).toEqual([]);
  });

  it('does not tell in which chat it was asked', async () => {
    const { app, approvals } = await openHttpGround();
    const replyTo = { channel: 'telegram', platform: 'telegram', accountId: '1', chatId: 'chat-77' };
    approvals.all = [pendingApproval({ replyTo })];
    expect((await app.inject({ url: '/api/v1/approvals', headers: asAdmin })).body).not.toContain('chat-77');
  });
});

describe('/api/v1/runs/{id}/signals/{name}', () => {
  it('signals a run by the name it waits for', async () => {
    const { app, runs } = await openHttpGround();
    await app.inject({ method: 'POST', url: '/api/v1/chat', headers: asAdmin, body: { message: 'x' } });
    const url = '/api/v1/runs/run_1/signals/order%20paid';
    const answer = await app.inject({ method: 'POST', url, headers: asAdmin, body: { id: 'a', payload: 7 } });
    expect([answer.statusCode, answer.json()]).toEqual([202, { id: 'a' }]);
    expect(runs.signals).toEqual([{ runId: 'run_1', id: 'a', name: 'order paid', payload: 7 }]);
  });
});
