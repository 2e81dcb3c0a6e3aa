import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/index.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/create-test-app.ts';

const agent = `
apiVersion: agent33/v1
kind: Agent
metadata: { name: report }
spec: { instructions: You write reports. }
`;
const yearly = `
apiVersion: agent33/v1
kind: Schedule
metadata: { name: yearly }
spec:
  cron: "0 3 1 1 *"
  timezone: Europe/Berlin
  start: { agent: report }
  inputs: { message: "Report for {{ slot }}." }
`;
const paid = `
apiVersion: agent33/v1
kind: Sensor
metadata: { name: paid }
spec:
  type: event
  config: { name: "order.*", filter: "event.payload.amount > 100" }
  start: { agent: report }
  inputs: { message: "Order {{ event.payload.id }} was paid." }
`;
const echo = `
apiVersion: agent33/v1
kind: Workflow
metadata: { name: echo }
spec:
  inputs: { topic: string }
  steps: [{ id: a, action: emit_output, inputs: { values: { topic: "{{ inputs.topic }}" } } }]
`;
const heard = `
apiVersion: agent33/v1
kind: Sensor
metadata: { name: heard }
spec:
  type: event
  config: { name: shop.opened }
  start: { agent: report }
  inputs: { message: "By {{ event.payload }}." }
`;
const workflow = (name: string, step: string): string =>
  `apiVersion: agent33/v1\nkind: Workflow\nmetadata: { name: ${name} }\nspec: { steps: [${step}] }\n`;
const schedule = (spec: object, name = 'made') => ({
  apiVersion: 'agent33/v1',
  kind: 'Schedule',
  metadata: { name },
  spec: { start: { agent: 'report' }, inputs: { message: 'now' }, ...spec },
});

describe('automation over HTTP', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await createMemoryApp({
      files: {
        'agents/report.yaml': agent,
        'schedules/yearly.yaml': yearly,
        'sensors/paid.yaml': paid,
        'workflows/echo.yaml': echo,
        'sensors/heard.yaml': heard,
        'workflows/listener.yaml': workflow(
          'listener',
          '{ id: news, action: wait, inputs: { event: shop.opened } }',
        ),
        'workflows/teller.yaml': workflow(
          'teller',
          '{ id: tell, action: publish_event, inputs: { name: shop.opened, payload: publish_event } }',
        ),
      },
    });
  });
  afterAll(() => app.stop());

  const call = async (method: string, address: string, body?: unknown) => {
    const response = await app.request(method, address, body);
    const text = await response.text();
    return {
      status: response.status,
      body: (text === '' ? null : JSON.parse(text)) as Record<string, unknown>,
    };
  };
  const until = async (look: () => Promise<boolean>): Promise<void> => {
    const giveUpAt = systemClock.now() + 20_000;
    while (!(await look())) {
      if (systemClock.now() > giveUpAt) throw new Error('waited in vain');
      await systemClock.sleep(50);
    }
  };
  const items = async (address: string) =>
    (await call('GET', address)).body['items'] as Record<string, unknown>[];

  it('shows schedules of files, starts one by hand and tells what became of it', async () => {
    expect(await items('/api/v1/schedules')).toMatchObject([
      {
        name: 'yearly',
        when: '0 3 1 1 *',
        timezone: 'Europe/Berlin',
        start: { kind: 'agent', name: 'report' },
      },
    ]);
    const status = await call('GET', '/api/v1/schedules/yearly/status?upcoming=2');
    expect(status.body).toMatchObject({ paused: null, queued: 0 });
    expect(status.body['next']).toHaveLength(2);
    const triggered = await call('POST', '/api/v1/schedules/yearly/trigger');
    expect(triggered.status).toBe(202);
    const runId = String(triggered.body['run_id']);
    expect(await items('/api/v1/schedules/yearly/slots')).toMatchObject([
      { outcome: 'fired', reason: 'manual', run_id: runId },
    ]);
    await until(async () => (await call('GET', `/api/v1/runs/${runId}`)).body['status'] === 'completed');
    expect((await call('POST', '/api/v1/schedules/yearli/trigger')).body).toMatchObject({
      code: 'not_found',
      detail: expect.stringContaining('did you mean "yearly"') as string,
    });
  });

  it('makes, changes, pauses and deletes schedules; a change counts at once', async () => {
    expect((await call('POST', '/api/v1/schedules', schedule({ every: '1s' }))).status).toBe(201);
    await until(async () => (await items('/api/v1/schedules/made/slots?outcome=fired')).length >= 2);
    const paused = await call('POST', '/api/v1/schedules/made/pause');
    expect(paused.body).toMatchObject({ next: [], paused: { by: expect.any(String) as string } });
    await until(async () => (await items('/api/v1/schedules/made/slots?outcome=skipped')).length >= 1);
    expect((await items('/api/v1/schedules/made/slots?outcome=skipped'))[0]).toMatchObject({
      reason: 'paused',
    });
    expect((await call('POST', '/api/v1/schedules/made/resume')).body['paused']).toBeNull();
    expect((await call('DELETE', '/api/v1/schedules/made')).status).toBe(204);
    expect((await call('GET', '/api/v1/schedules/made/slots')).status).toBe(404);
  });

  it.each([
    [{ cron: '61 * * * *' }, 'spec.cron'],
    [{ cron: '0 0 30 2 *' }, 'spec.cron'],
    [{ cron: '* * * * *', timezone: 'Mars/Olympus' }, 'spec.timezone'],
    [{ every: '10ms' }, 'spec.every'],
    [{}, 'exactly one of cron, every, at'],
  ])('refuses %o', async (spec, named) => {
    const refused = await call('POST', '/api/v1/schedules', schedule(spec, 'wrong'));
    expect(refused.status).toBe(422);
    expect(JSON.stringify(refused.body)).toContain(named);
  });

  it('an event reaches its sensor, once', async () => {
    // The sensor begins with what comes after its first look.
    await until(async () => (await call('GET', '/api/v1/sensors/paid/state')).body['state'] !== null);
    const event = { name: 'order.paid', payload: { id: 'A7', amount: 120 }, id: 'first' };
    expect(await call('POST', '/api/v1/events', event)).toMatchObject({
      status: 202,
      body: { duplicate: false },
    });
    expect((await call('POST', '/api/v1/events', event)).body).toMatchObject({
      id: 'first',
      duplicate: true,
    });
    await call('POST', '/api/v1/events', { name: 'order.paid', payload: { id: 'A8', amount: 1 } });
    await until(async () => (await call('GET', '/api/v1/sensors/paid/state')).body['last_run_id'] !== null);
    const state = await call('GET', '/api/v1/sensors/paid/state');
    const run = await call('GET', `/api/v1/runs/${String(state.body['last_run_id'])}`);
    expect(run.body).toMatchObject({ source: 'sensor', input: { message: 'Order A7 was paid.' } });
    expect((await items('/api/v1/runs?limit=200')).filter((one) => one['source'] === 'sensor')).toHaveLength(
      1,
    );
  });

  it.each([
    [
      'POST /api/v1/events',
      () =>
        call('POST', '/api/v1/events', { name: 'shop.opened', payload: 'POST /api/v1/events' }).then(
          ({ body }) => body['delivered'],
        ),
    ],
    [
      'publish_event',
      () =>
        call('POST', '/api/v1/workflows/teller/execute', { inputs: {}, wait: 20 }).then(
          ({ body }) => (body['output'] as { delivered?: number }).delivered,
        ),
    ],
  ])('an event of %s reaches sensors and the runs that wait for it', async (door, publish) => {
    await until(async () => (await call('GET', '/api/v1/sensors/heard/state')).body['state'] !== null);
    const { body } = await call('POST', '/api/v1/workflows/listener/execute', { inputs: {}, wait: false });
    const address = `/api/v1/runs/${String(body['run_id'])}`;
    await until(async () => (await call('GET', address)).body['status'] === 'waiting');
    expect(await publish()).toBe(1);
    await until(async () => (await call('GET', address)).body['status'] === 'completed');
    expect(JSON.stringify((await call('GET', address)).body['output'])).toContain(door);
    await until(async () => {
      const state = await call('GET', '/api/v1/sensors/heard/state');
      const run = await call('GET', `/api/v1/runs/${String(state.body['last_run_id'])}`);
      return JSON.stringify(run.body['input']) === JSON.stringify({ message: `By ${door}.` });
    });
  });

  it.each(['', 'a..b', 'two words', '.a'])('refuses "%s" as the name of an event', async (name) => {
    expect(await call('POST', '/api/v1/events', { name })).toMatchObject({ status: 400 });
  });

  it('refuses sensors of unknown types and wrong configs, each with its place', async () => {
    const sensor = (type: string, config: object) => ({
      apiVersion: 'agent33/v1',
      kind: 'Sensor',
      metadata: { name: 'wrong' },
      spec: { type, config, start: { agent: 'report' } },
    });
    const typo = await call('POST', '/api/v1/sensors', sensor('file_chnage', { path: 'inbox' }));
    expect(typo.body['detail']).toContain('did you mean "file_change"');
    const outside = await call('POST', '/api/v1/sensors', sensor('file_change', { path: '../etc' }));
    expect(JSON.stringify(outside.body)).toContain('spec.config.path');
  });

  it('a slot that could not be started lies on the desk, is mended and started', async () => {
    const missing = schedule({ every: '1s', start: { agent: 'nobody' } }, 'broken');
    await call('POST', '/api/v1/schedules', missing);
    await until(async () => (await items('/api/v1/dead-letters?kind=schedule')).length >= 2);
    await call('POST', '/api/v1/schedules/broken/pause');
    const [letter, other] = await items('/api/v1/dead-letters?kind=schedule&limit=2');
    const shown = await call('GET', `/api/v1/dead-letters/${String(letter?.['id'])}`);
    expect(shown.body).toMatchObject({
      error: { code: 'not_found' },
      payload: { target: { kind: 'agent', name: 'nobody' }, inputs: { message: 'now' } },
      subject: { schedule: 'broken' },
    });
    const retried = await call('POST', `/api/v1/dead-letters/${String(letter?.['id'])}/retry`, {
      patch: { target: { kind: 'agent', name: 'report' } },
    });
    expect(retried).toMatchObject({
      status: 202,
      body: { run_id: expect.stringMatching(/^run_/) as string },
    });
    const discarded = await call('POST', `/api/v1/dead-letters/${String(other?.['id'])}/discard`, {
      reason: 'one is enough',
    });
    expect(discarded.body).toMatchObject({ status: 'discarded', note: 'one is enough' });
    await call('POST', '/api/v1/dead-letters/discard', { filter: {}, reason: 'tidying' });
    expect(await items('/api/v1/dead-letters')).toEqual([]);
    expect((await call('POST', '/api/v1/dead-letters/retry', {})).status).toBe(400);
  });

  it('takes away a field that a patch sets to null', async () => {
    const inputs = { topic: 'now', topik: 'no such field' };
    const start = { workflow: 'echo' };
    await call('POST', '/api/v1/schedules', schedule({ every: '1s', start, inputs }, 'misspelt'));
    const letters = () => items('/api/v1/dead-letters?kind=schedule&reason=topik');
    await until(async () => (await letters()).length > 0);
    await call('DELETE', '/api/v1/schedules/misspelt');
    const [letter] = await letters();
    const retry = (patch: object) =>
      call('POST', `/api/v1/dead-letters/${String(letter?.['id'])}/retry`, { patch });
    expect((await retry({ inputs: { topic: 'later' } })).status).toBe(400);
    expect((await retry({ inputs: { topik: null } })).status).toBe(202);
  });

  it('warns of what a definition names that nothing has, and of schedules that never start', async () => {
    const start = { workflow: 'reprot' };
    const made = await call(
      'POST',
      '/api/v1/schedules',
      schedule({ every: '1h', start, inputs: {} }, 'blind'),
    );
    expect(made).toMatchObject({
      status: 201,
      body: { warnings: [{ path: 'spec.start.workflow', message: 'there is no workflow "reprot"' }] },
    });
    const mended = await call('PATCH', '/api/v1/schedules/blind', {
      spec: { start: { agent: 'reprot' } },
    });
    expect(mended.body['warnings']).toEqual([
      { path: 'spec.start.agent', message: 'there is no agent "reprot" — did you mean "report"?' },
    ]);
    const past = await call('POST', '/api/v1/schedules', schedule({ at: '2020-01-01T00:00:00Z' }, 'past'));
    expect(past.body['warnings']).toEqual([
      { path: 'spec', message: 'no moment is left at which it starts something by itself' },
    ]);
    const fine = await call('PUT', '/api/v1/schedules/past', schedule({ every: '1h' }, 'past'));
    expect(fine.body['warnings']).toEqual([]);
    const team = await call('POST', '/api/v1/teams', {
      apiVersion: 'agent33/v1',
      kind: 'Team',
      metadata: { name: 'desk' },
      spec: { mode: 'route', members: ['nobody'] },
    });
    expect(team.body['warnings']).toMatchObject([{ message: 'there is no agent "nobody"' }]);
  });

  it('says what is wrong with names of events and time zones', async () => {
    const event = await call('POST', '/api/v1/events', { name: 'no name!' });
    expect(event).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('such as order.paid') as string },
    });
    const zone = await call(
      'POST',
      '/api/v1/schedules',
      schedule({ cron: '0 3 * * *', timezone: 'Europe/Berlim' }),
    );
    expect(zone.body['detail']).toContain('did you mean "Europe/Berlin"?');
  });

  it('needs the permissions', async () => {
    const key = await call('POST', '/api/v1/auth/keys', { name: 'reader', scopes: ['agents:read'] });
    const headers = { 'x-api-key': String(key.body['key']) };
    for (const [method, address] of [
      ['GET', '/api/v1/schedules'],
      ['POST', '/api/v1/schedules/yearly/trigger'],
      ['POST', '/api/v1/sensors/paid/pause'],
      ['GET', '/api/v1/dead-letters'],
    ] as const)
      expect((await app.request(method, address, undefined, headers)).status).toBe(403);
  });
});
