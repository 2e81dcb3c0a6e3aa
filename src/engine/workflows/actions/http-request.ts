import { z } from 'zod';
import { AppError, tryParseJson, withDeadline, type Clock, type Json } from '../../../base/index.ts';
import type { EgressClient, EgressPolicy, EgressResponse } from '../../../platform/http-client/index.ts';
import { durationMs } from '../../../protocol/index.ts';
import { defineStepAction } from '../define-action.ts';
import type { StepAction } from '../workflow-action.ts';

const mostBytes = 5 * 1024 * 1024;
const shownChars = 500;
const reading: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

export interface HttpRequestDeps {
  readonly createEgress: (policy: EgressPolicy) => EgressClient;
  readonly allowPrivate: readonly string[];
  /** Hosts that every workflow of the project may call: `spec.egress.domains` of agent33.yaml. */
  readonly domains: () => readonly string[];
  readonly clock: Clock;
}

async function textOf(response: EgressResponse): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response.body) chunks.push(chunk as Buffer);
  return new TextDecoder().decode(Buffer.concat(chunks)).replaceAll('\0', '\uFFFD');
}

function addressOf(url: string, query: Readonly<Record<string, string | number | boolean>>): string {
  if (!URL.canParse(url))
    throw new AppError(
      'invalid_request',
      'inputs.url: expected an address such as "https://example.com/path"',
    );
  const address = new URL(url);
  for (const [name, value] of Object.entries(query)) address.searchParams.append(name, String(value));
  return address.href;
}

/** Calls an HTTP API through the guarded way out. */
export function createHttpRequest(deps: HttpRequestDeps): StepAction {
  return defineStepAction({
    name: 'http_request',
    description: 'Calls an HTTP address on the hosts that the step or agent33.yaml names.',
    inputs: z
      .strictObject({
        url: z.string().min(1).max(8000).describe('http(s) address.'),
        method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
        headers: z.record(z.string().min(1), z.string()).default({}),
        query: z
          .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
          .default({})
          .describe('Added to the address.'),
        json: z.unknown().optional().describe('Body, sent as JSON.'),
        body: z.string().max(mostBytes).optional().describe('Body as text.'),
        timeout: durationMs.default(30_000),
        expect_status: z
          .array(z.int().min(100).max(599))
          .optional()
          .describe('Status codes that count as success; all below 400 when left out.'),
        domains: z
          .array(z.string().min(1))
          .default([])
          .describe('Hosts it may reach, beside spec.egress.domains of agent33.yaml. No expressions.'),
        max_redirects: z.int().min(0).max(10).default(0),
        idempotent: z
          .boolean()
          .default(true)
          .describe(
            'May it be sent again when a crash left it in doubt? It carries the same Idempotency-Key.',
          ),
      })
      .refine(({ json, body }) => json === undefined || body === undefined, 'expected one of json, body'),
    output: z.strictObject({
      status: z.int(),
      headers: z.record(z.string(), z.string()).describe('Names in lower case.'),
      body: z.unknown().describe('Parsed where it is JSON, else a text.'),
    }),
    literal: ['domains'],
    kind: 'action',
    effect: ({ method, idempotent }) =>
      reading.includes(method) ? 'none' : idempotent ? 'keyed' : 'unkeyed',
    run: async ({ inputs }, io): Promise<Json> => {
      const { method, json, body, timeout } = inputs;
      const hosts = [...deps.domains(), ...inputs.domains];
      if (hosts.length === 0)
        throw new AppError(
          'egress_denied',
          'no host is allowed: name it under inputs.domains, or under spec.egress.domains of agent33.yaml',
        );
      const address = addressOf(inputs.url, inputs.query);
      const egress = deps.createEgress({
        allowPrivate: deps.allowPrivate,
        hosts,
        maxRedirects: inputs.max_redirects,
        maxBodyBytes: mostBytes,
      });
      const deadline = withDeadline(deps.clock, timeout, io.signal);
      try {
        const response = await egress.request({
          url: address,
          method,
          headers: {
            accept: 'application/json, text/*;q=0.9, */*;q=0.1',
            ...(json === undefined ? {} : { 'content-type': 'application/json' }),
            ...(reading.includes(method) ? {} : { 'idempotency-key': io.idempotencyKey }),
            ...Object.fromEntries(
              Object.entries(inputs.headers).map(([name, value]) => [name.toLowerCase(), value]),
            ),
          },
          ...(json === undefined ? (body === undefined ? {} : { body }) : { body: JSON.stringify(json) }),
          signal: deadline.signal,
        });
        const text = await textOf(response);
        const { host } = new URL(response.url);
        const expected = inputs.expect_status?.includes(response.status) ?? response.status < 400;
        if (!expected)
          throw new AppError(
            'upstream_error',
            `"${host}" answered ${response.status}${text === '' ? '' : `: ${text.slice(0, shownChars)}`}`,
            {
              retryable: response.status >= 500 || response.status === 429,
              details: { status: response.status },
            },
          );
        const isJson = /\bjson\b/.test(response.headers['content-type'] ?? '');
        const parsed = isJson ? (tryParseJson(text) ?? text) : text;
        return { status: response.status, headers: response.headers, body: parsed };
      } catch (error) {
        io.signal.throwIfAborted();
        if (deadline.signal.aborted)
          throw new AppError('timeout', `"${new URL(address).host}" did not answer within ${timeout} ms`, {
            cause: error,
          });
        throw error;
      } finally {
        deadline.clear();
        await egress.close();
      }
    },
  });
}
