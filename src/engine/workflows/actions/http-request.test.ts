import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import { openStep, openWorkflow, type WorkflowGroundOptions } from '../../../testing/workflow-ground.ts';

let server: Server;
let origin: string;
const requests: { readonly request: IncomingMessage; readonly body: string }[] = [];
let answer: { status: number; headers?: Record<string, string>; body: string } = { status: 200, body: '' };

beforeAll(async () => {
  server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ request, body });
      response
        .writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
        .end(answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

describe('http_request', () => {
  const call = (inputs: object, options: WorkflowGroundOptions = {}) => {
    requests.length = 0;
    return openStep('http_request', { domains: ['127.0.0.1'], ...inputs }, options);
  };

  it('sends JSON with headers, query and an idempotency key, and reads JSON', async () => {
    answer = { status: 201, body: '{"id": 7}' };
    const ground = await call({
      method: 'POST',
      url: `${origin}/orders?x=1`,
      query: { y: 'a b', z: 2 },
      headers: { Authorization: 'Bearer t' },
      json: { n: 1 },
    });
    expect(await ground.output()).toMatchObject({ status: 201, body: { id: 7 } });
    const [sent] = requests;
    expect(sent?.body).toBe('{"n":1}');
    expect(sent?.request).toMatchObject({ method: 'POST', url: '/orders?x=1&y=a+b&z=2' });
    expect(sent?.request.headers).toMatchObject({
      authorization: 'Bearer t',
      'content-type': 'application/json',
      'idempotency-key': 'run_memory:a',
    });
  });

  it.each([
    [503, true],
    [404, false],
  ])('fails on %d, retryable: %s', async (status, retryable) => {
    answer = { status, body: '{"why":"no"}' };
    expect(await (await call({ url: origin })).failure()).toMatchObject({
      code: 'upstream_error',
      retryable,
      message: expect.stringMatching(new RegExp(`answered ${status}: \\{"why":"no"\\}`)),
      details: { status },
    });
  });

  it('takes other statuses for success when told so', async () => {
    answer = { status: 404, body: '{}' };
    expect(await (await call({ url: origin, expect_status: [404] })).output()).toMatchObject({ status: 404 });
  });

  it.each([
    ['no host is named', { domains: [], url: 'https://example.com' }, /no host is allowed/],
    ['the host is not among them', { domains: ['example.com'], url: 'https://example.org' }, /example\.org/],
    [
      'it is an address of a private network',
      { domains: ['10.0.0.1'], url: 'http://10.0.0.1/' },
      /private|not allowed|10\.0\.0\.1/,
    ],
  ])('refuses to go where %s', async (_what, inputs, message) => {
    expect(await (await call(inputs)).failure()).toMatchObject({
      code: 'egress_denied',
      message: expect.stringMatching(message),
    });
  });

  it('takes hosts of the project, and none that an expression names', async () => {
    answer = { status: 200, body: '"fine"' };
    expect(
      await (await call({ url: origin, domains: [] }, { domains: ['127.0.0.1'] })).output(),
    ).toMatchObject({ body: 'fine' });
    const ground = await openWorkflow(
      `inputs: {host: string}\nsteps: [{id: a, action: http_request, inputs: {url: "${origin}", domains: ["{{ inputs.host }}"]}}]`,
      { host: '127.0.0.1' },
      { clock: systemClock },
    );
    expect((await ground.failure()).code).toBe('egress_denied');
  });
});
