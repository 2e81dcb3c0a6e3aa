import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError } from '../../base/index.ts';
import { createMetrics } from '../../platform/observability/index.ts';
import { createMemoryLogger, FakeClock } from '../../testing/index.ts';
import { createToolContext } from '../../testing/tool-context.ts';
import { createToolGovernance } from './create-tool-governance.ts';
import { defineTool } from './define-tool.ts';
import { ToolResult, type Tool } from './tool.ts';

function setUp(scopeMap?: Record<string, 'admin' | 'tools:execute'>) {
  const clock = new FakeClock();
  const logger = createMemoryLogger();
  const metrics = createMetrics({ version: 'test', processMetrics: false });
  const governance = createToolGovernance({
    clock,
    logger,
    metrics,
    ...(scopeMap === undefined ? {} : { scopeMap }),
  });
  return { clock, logger, metrics, governance };
}

const use = { name: 'echo' };
const echo = (changes: Partial<Parameters<typeof defineTool<{ text: string }>>[0]> = {}): Tool =>
  defineTool({
    name: 'echo',
    description: 'Says it again.',
    parameters: z.strictObject({ text: z.string().max(20) }),
    effect: 'none',
    execute: ({ text }) => Promise.resolve(ToolResult.ok(text)),
    ...changes,
  });

describe('governance of tools', () => {
  it('asks for the scope that a tool needs', async () => {
    const { governance } = setUp({ echo: 'admin' });
    const scope = { tenant: 'default', principal: 'test', scopes: ['tools:execute'] } as const;
    const refused = await governance.execute(echo(), { text: 'hi' }, createToolContext({ use, scope }));
    expect(refused).toMatchObject({ ok: false, code: 'tool_denied' });
    expect(refused.content).toContain('"admin"');
    const allowed = setUp().governance;
    expect(await allowed.execute(echo(), { text: 'hi' }, createToolContext({ use, scope }))).toMatchObject({
      ok: true,
    });
  });

  it('logs each execution with who, which and how it ended, and its arguments only when debugging', async () => {
    const { governance, metrics } = setUp();
    const logger = createMemoryLogger();
    const context = createToolContext({ use, logger });
    await governance.execute(echo(), { text: 'secret text' }, context);
    await governance.execute(echo(), { text: 7 }, context);
    const lines = logger.lines.filter((line) => line.message === 'tool executed');
    expect(lines).toMatchObject([
      { level: 'info', fields: { tool: 'echo', principal: 'test', status: 'ok' } },
      { level: 'info', fields: { tool: 'echo', status: 'invalid_request' } },
    ]);
    expect(JSON.stringify(logger.lines.filter((line) => line.level !== 'debug'))).not.toContain(
      'secret text',
    );
    expect(await metrics.registry.metrics()).toMatch(/tool_calls_total\{[^}]*status="ok"[^}]*\} 1/);
  });

  it('ends a call that takes too long, by the tool, by the agent, and by default', async () => {
    const { governance, clock } = setUp();
    const endless = echo({ execute: () => new Promise(() => {}) });
    const call = async (tool: Tool, milliseconds: number, timeout?: number) => {
      const context = createToolContext({ use: { ...use, ...(timeout === undefined ? {} : { timeout }) } });
      const pending = governance.execute(tool, { text: 'x' }, context);
      await clock.advance(milliseconds);
      return pending;
    };
    expect(await call(endless, 30_000)).toMatchObject({ ok: false, code: 'timeout' });
    expect(await call(echo({ timeoutMs: 50, execute: () => new Promise(() => {}) }), 50)).toMatchObject({
      content: '"echo" did not finish within 50 ms',
    });
    expect(await call(endless, 10, 10)).toMatchObject({ content: '"echo" did not finish within 10 ms' });
  });

  it('cuts what is too long and says so', async () => {
    const { governance } = setUp();
    const long = echo({ maxOutputChars: 10, execute: () => Promise.resolve(ToolResult.ok('0123456789abc')) });
    expect(await governance.execute(long, { text: 'x' }, createToolContext({ use }))).toEqual({
      ok: true,
      content: '0123456789\n[cut: 3 more characters]',
    });
  });

  it('keeps the inside of failures to itself, but passes on what the model can mend', async () => {
    const { governance } = setUp();
    const failing = (reason: Error): Tool => echo({ execute: () => Promise.reject(reason) });
    const context = createToolContext({ use });
    expect(
      await governance.execute(failing(new Error('connect to 10.0.0.7 refused')), { text: 'x' }, context),
    ).toEqual({ ok: false, content: '"echo" failed', code: 'tool_failed' });
    expect(
      await governance.execute(
        failing(new AppError('not_found', 'there is no such page')),
        { text: 'x' },
        context,
      ),
    ).toEqual({ ok: false, content: 'there is no such page', code: 'not_found' });
  });

  it('checks JSON Schemas of both drafts, and what only zod can say', async () => {
    const { governance } = setUp();
    const draft7: Tool = {
      ...echo(),
      parameters: {
        $schema: 'http://json-schema.org/draft-07/schema#',
        type: 'object',
        properties: { text: { enum: ['a', 'b'] } },
        required: ['text'],
      },
    };
    const context = createToolContext({ use });
    expect((await governance.execute(draft7, { text: 'c' }, context)).content).toContain(
      'text: expected one of ["a","b"]',
    );
    expect((await governance.execute(draft7, {}, context)).content).toContain('text: is missing');
    const refined = echo({
      parameters: z.strictObject({ text: z.string().refine((text) => text !== 'no', 'must not be "no"') }),
    });
    expect(await governance.execute(refined, { text: 'no' }, context)).toEqual({
      ok: false,
      content: 'the arguments do not fit: text: must not be "no"',
      code: 'invalid_request',
    });
  });
});
