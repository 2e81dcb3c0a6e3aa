import { z } from 'zod';
import type { EgressClient, EgressPolicy } from '../../../platform/http-client/index.ts';
import { defineTool } from '../define-tool.ts';
import { ToolResult, type Tool } from '../tool.ts';
import { readableText } from './readable-text.ts';

const mostBytes = 5 * 1024 * 1024;

/** Reads a web page or calls a simple API, on the hosts that the agent's definition names. */
export function createWebFetchTool(deps: {
  createEgress: (policy: EgressPolicy) => EgressClient;
  allowPrivate: readonly string[];
}): Tool {
  return defineTool({
    name: 'web_fetch',
    description: 'Fetches a web address with GET or POST and returns its text.',
    parameters: z.strictObject({
      url: z.string().min(1).max(2000).describe('http(s) address.'),
      method: z.enum(['GET', 'POST']).default('GET'),
      body: z.string().max(1_000_000).optional().describe('Body of a POST; JSON or text.'),
    }),
    effect: 'keyed',
    examples: ['fetch https://example.com', 'read the page https://example.com'],
    execute: async ({ url, method, body }, context) => {
      if (context.use.domains.length === 0)
        return ToolResult.fail('no host is allowed: the agent names none under tools.domains', 'tool_denied');
      const egress = deps.createEgress({
        allowPrivate: deps.allowPrivate,
        hosts: context.use.domains,
        maxRedirects: 3,
        maxBodyBytes: mostBytes,
      });
      try {
        const response = await egress.request({
          url,
          method,
          headers: {
            accept: 'text/html, application/json, text/*;q=0.9',
            ...(method === 'POST'
              ? { 'content-type': 'application/json', 'idempotency-key': context.idempotencyKey }
              : {}),
          },
          ...(body === undefined ? {} : { body }),
          signal: context.signal,
        });
        const type = response.headers['content-type'] ?? 'text/plain';
        if (!/text\/|json|xml|javascript/.test(type)) {
          response.body.destroy();
          return ToolResult.fail(`"${url}" is ${type}, which is no text`, 'unsupported_media_type');
        }
        const chunks: Buffer[] = [];
        for await (const chunk of response.body) chunks.push(chunk as Buffer);
        const text = new TextDecoder().decode(Buffer.concat(chunks));
        const content = type.includes('html') ? readableText(text) : text;
        return response.status < 400
          ? ToolResult.ok(content)
          : ToolResult.fail(
              `"${url}" answered ${response.status}\n${content.slice(0, 2000)}`,
              'upstream_error',
            );
      } finally {
        await egress.close();
      }
    },
  });
}
