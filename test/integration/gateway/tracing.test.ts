import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FakeModelServer } from '../../../src/testing/fake-model-server.ts';
import { startFakeAnthropic } from '../../../src/testing/fake-anthropic-server.ts';
import { startFakeOpenAI } from '../../../src/testing/fake-openai-server.ts';
import { CommandLine, untilSaid } from '../cli/command-line.ts';

interface WireValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly WireValue[] };
}
interface Wire {
  readonly key: string;
  readonly value: WireValue;
}
interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly Wire[];
  readonly events?: readonly { readonly name: string; readonly attributes: readonly Wire[] }[];
  readonly status: { readonly code?: number };
}

const valueOf = ({ stringValue, intValue, doubleValue, boolValue, arrayValue }: WireValue): unknown =>
  arrayValue?.values.map(valueOf) ??
  stringValue ??
  doubleValue ??
  boolValue ??
  (intValue === undefined ? undefined : Number(intValue));
const fieldsOf = (attributes: readonly Wire[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));

const key = 'a33_tracing_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const client = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${client}-b7ad6b7169203331-01`;
const spans: WireSpan[] = [];
const heads: { path: string | undefined; authorization: string | undefined; service: unknown }[] = [];
let collector: Server;
let collecting = true;
let first: FakeModelServer;
let second: FakeModelServer;
let claude: FakeModelServer;
let folder: string;
let child: ChildProcess;
let url: string;

beforeAll(async () => {
  collector = createServer((request, response) => {
    // A dead one: takes the connection and says nothing.
    if (!collecting) return;
    void text(request).then((body) => {
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: { resource: { attributes: Wire[] }; scopeSpans: { spans: WireSpan[] }[] }[];
      };
      for (const { resource, scopeSpans } of resourceSpans) {
        const service = fieldsOf(resource.attributes)['service.name'];
        heads.push({ path: request.url, authorization: request.headers.authorization, service });
        spans.push(...scopeSpans.flatMap((scope) => scope.spans));
      }
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  [first, second, claude] = await Promise.all([startFakeOpenAI(), startFakeOpenAI(), startFakeAnthropic()]);
  folder = await mkdtemp(path.join(tmpdir(), 'agent33-tracing-'));
  const deployment = (id: string, provider: string, at: FakeModelServer, order: number): string =>
    `        - { id: ${id}, provider: ${provider}, model: m, apiKey: k, baseUrl: '${at.url}/v1', order: ${order}, price: { inputPerMillion: 1, outputPerMillion: 2 } }`;
  await writeFile(
    path.join(folder, 'agent33.yaml'),
    [
      'apiVersion: agent33/v1',
      'kind: Project',
      'metadata: { name: traced }',
      'spec:',
      '  models:',
      '    router: { strategy: order, cooldown: 1ms }',
      '    groups:',
      '      chat:',
      deployment('one', 'openai', first, 1),
      deployment('two', 'openai', second, 2),
      '      other:',
      deployment('three', 'anthropic', claude, 1),
      '',
    ].join('\n'),
  );
  const shell = new CommandLine(folder, {
    AGENT33_BOOTSTRAP_KEY: key,
    API_LOG_LEVEL: 'warn',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc',
    OTEL_BSP_SCHEDULE_DELAY: '20',
  });
  child = shell.spawn('serve', '--port', '0');
  const banner = await untilSaid(child, /curl /);
  url = /address\s+(\S+)/.exec(banner)?.[1] ?? '';
});
afterAll(async () => {
  child.kill('SIGKILL');
  collector.closeAllConnections();
  collector.close();
  await Promise.all([first.stop(), second.stop(), claude.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const openai = () => new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
const ask = (model: string, headers: Record<string, string> = {}) =>
  openai().chat.completions.create(
    { model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 50, temperature: 0 },
    { headers },
  );
const calls = () => spans.filter(({ name }) => name.startsWith('chat '));

it('a call whose first deployment fails: one trace with the decisions, both attempts and what it cost', async () => {
  first.fail({ kind: 'status', status: 500 });
  second.reply({ text: 'hello', usage: { inputTokens: 1000, outputTokens: 500 } });
  await ask('chat', { traceparent, tracestate: 'vendor=1' });
  await expect.poll(() => spans.length, { timeout: 10_000 }).toBe(3);
  expect(heads[0]).toEqual({ path: '/v1/traces', authorization: 'Basic abc', service: 'agent33' });
  const [call] = calls();
  expect(call).toMatchObject({
    name: 'chat chat',
    kind: 3,
    traceId: client,
    parentSpanId: 'b7ad6b7169203331',
  });
  const attributes = fieldsOf(call?.attributes ?? []);
  expect(attributes).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'chat',
    'gen_ai.request.max_tokens': 50,
    'gen_ai.request.temperature': 0,
    'gen_ai.request.stream': false,
    'gen_ai.response.model': 'm',
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.usage.input_tokens': 1000,
    'gen_ai.usage.output_tokens': 500,
    'agent33.deployment': 'two',
    'agent33.groups': ['chat'],
    'agent33.attempts': 2,
    'agent33.cache': 'off',
    'agent33.cost_usd': 0.002,
  });
  expect(JSON.stringify(spans)).not.toContain('hello');
  const steps = (call?.events ?? []).map((event) => fieldsOf(event.attributes));
  expect(steps).toMatchObject([
    { 'agent33.route.reason': 'first', 'agent33.deployment': 'one', 'error.type': 'model_unavailable' },
    { 'agent33.route.reason': 'retry', 'agent33.deployment': 'two', 'agent33.route.strategy': 'order' },
  ]);
  expect(steps[1]?.['agent33.route.considered']).toEqual(['one: tried', 'two: picked']);

  const attempts = ['one', 'two'].map((id) => spans.find(({ name }) => name === `attempt ${id}`));
  expect(attempts).toMatchObject([
    { parentSpanId: call?.spanId, traceId: client, kind: 3, status: { code: 2 } },
    { parentSpanId: call?.spanId, traceId: client, status: { code: 0 } },
  ]);
  expect(fieldsOf(attempts[0]?.attributes ?? [])).toMatchObject({
    'agent33.attempt': 1,
    'agent33.error.class': 'InternalServer',
    'error.type': 'model_unavailable',
  });
  // Each upstream was told the span of its attempt.
  for (const [index, upstream] of [first, second].entries())
    expect(upstream.chatRequests.at(-1)?.headers).toMatchObject({
      traceparent: `00-${client}-${attempts[index]?.spanId}-01`,
      tracestate: 'vendor=1',
    });
});

it('a translated stream, a call that fails altogether, and one that its caller does not want traced', async () => {
  spans.splice(0);
  claude.reply({ chunks: ['he', 'llo'], usage: { inputTokens: 9, outputTokens: 4 } });
  const stream = await openai().chat.completions.create({
    model: 'other',
    messages: [{ role: 'user', content: 'hi' }],
    stream: true,
  });
  for await (const _chunk of stream);
  await expect.poll(() => spans.length, { timeout: 10_000 }).toBe(2);
  expect(fieldsOf(calls()[0]?.attributes ?? [])).toMatchObject({
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.request.stream': true,
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.usage.output_tokens': 4,
  });
  const told = claude.chatRequests.at(-1)?.headers['traceparent'];
  expect(told).toBe(
    `00-${calls()[0]?.traceId}-${spans.find(({ name }) => name === 'attempt three')?.spanId}-01`,
  );

  spans.splice(0);
  await ask('chat', { traceparent: `00-${client}-b7ad6b7169203331-00` }).catch(() => {});
  claude.fail({ kind: 'status', status: 400 });
  await expect(ask('other')).rejects.toMatchObject({ status: 400 });
  await expect.poll(() => spans.length, { timeout: 10_000 }).toBe(2);
  expect(calls()[0]).toMatchObject({ name: 'chat other', status: { code: 2 } });
  expect(fieldsOf(calls()[0]?.attributes ?? [])).toMatchObject({
    'error.type': 'model_rejected',
    'agent33.groups': ['other'],
    'agent33.attempts': 1,
  });
});

it('a collector that says nothing holds up neither calls nor the end of the server', async () => {
  collecting = false;
  for (let call = 0; call < 5; call += 1) {
    second.reply('hello');
    first.reply('hello');
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect((await ask('chat')).choices[0]?.message.content).toBe('hello');
  }
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
});
