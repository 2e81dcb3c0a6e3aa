import type { Json } from '../../base/index.ts';

const definition = (kind: string, name: string, spec: Json): Json => ({
  apiVersion: 'agent33/v1',
  kind,
  metadata: { name },
  spec,
});

/** Examples of bodies for the description of the API, by method and path. */
export const bodyExamples: Readonly<Record<string, Json>> = {
  'post /api/v1/teams': definition('Team', 'newsroom', {
    mode: 'collaborate',
    members: ['reporter', 'historian'],
  }),
  'post /api/v1/workflows': definition('Workflow', 'greet', {
    inputs: { name: 'string' },
    steps: [{ id: 'hello', action: 'transform', inputs: { template: 'Hello {{ inputs.name }}!' } }],
  }),
  'post /api/v1/workflows/{id}/execute': { inputs: { topic: 'bees' }, wait: 20 },
  'post /api/v1/teams/{id}/execute': { input: { message: 'What is a run?' } },
  'post /api/v1/schedules': definition('Schedule', 'weekday-digest', {
    cron: '0 7 * * 1-5',
    timezone: 'Europe/Berlin',
    start: { agent: 'handbook' },
    inputs: { message: 'Digest for {{ slot }}, please.' },
  }),
  'post /api/v1/sensors': definition('Sensor', 'big-orders', {
    type: 'event',
    config: { name: 'order.*', filter: 'event.payload.amount > 100' },
    start: { agent: 'handbook' },
    inputs: { message: 'Look at order {{ event.payload.id }}.' },
  }),
  'post /api/v1/events': { name: 'order.paid', payload: { id: 'A7', amount: 120 }, id: 'order-A7' },
  'post /api/v1/approvals/{id}/decision': { decision: 'approve', comment: 'fine' },
  'post /api/v1/runs/{id}/replay': { against: 'current' },
  'post /api/v1/runs/{id}/fork': { from: 'model:2', set: { 'inputs.message': 'rain' }, model: 'llama3.2' },
  'post /api/v1/runs/{id}/signals/{name}': { payload: { paid: true }, id: 'payment-7' },
  'post /api/v1/auth/keys': {
    name: 'support-bot',
    scopes: ['models:invoke'],
    team: 'support',
    models: ['chat', 'openai/gpt-5*'],
    limits: { rpm: 60, budgets: [{ usd: 20, period: 'month' }] },
  },
  'put /api/v1/limits/{subject}': {
    rpm: 600,
    tpm: 200_000,
    parallel: 50,
    budgets: [{ usd: 100, period: 'month' }],
  },
  'post /api/v1/dead-letters/{id}/retry': { patch: { inputs: { message: 'shorter' } } },
  'post /api/v1/dead-letters/{id}/discard': { reason: 'the customer called' },
  'post /api/v1/dead-letters/retry': { filter: { kind: 'delivery', since: '2026-11-20T00:00:00Z' } },
  'post /api/v1/dead-letters/discard': { ids: ['dlq_01k0'], reason: 'done by hand' },
};
