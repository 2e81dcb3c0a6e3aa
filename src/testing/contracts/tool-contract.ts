import { describe, expect, it } from 'vitest';
import { systemClock, silentLogger, type JsonObject } from '../../base/index.ts';
import { createToolGovernance, type Tool, type ToolContext } from '../../capabilities/tools/index.ts';
import { createMetrics } from '../../platform/observability/index.ts';
import { createToolContext } from '../tool-context.ts';

/** A tool under test with a call that works and one that does not fit its parameters. */
export interface ToolHarness {
  readonly tool: Tool;
  readonly works: JsonObject;
  readonly unfit: JsonObject;
  /** What the tool needs to be allowed to work. */
  readonly context?: Parameters<typeof createToolContext>[0];
}

/** Behaviour that every tool has; run it on each, and on your own. */
export function toolContract(name: string, start: () => Promise<ToolHarness>): void {
  describe(`${name}: tool`, () => {
    const governance = createToolGovernance({
      clock: systemClock,
      logger: silentLogger,
      metrics: createMetrics({ version: 'test', processMetrics: false }),
    });
    const contextOf = ({ tool, context }: ToolHarness, signal?: AbortSignal): ToolContext =>
      createToolContext({
        ...context,
        use: { ...context?.use, name: tool.name },
        ...(signal === undefined ? {} : { signal }),
      });

    it('describes itself to models: name, purpose, an object schema with described parameters', async () => {
      const { tool } = await start();
      expect(tool.name).toMatch(/^[a-z][a-z0-9_]{0,63}$/);
      expect(tool.description.length).toBeGreaterThan(10);
      expect(tool.parameters).toMatchObject({ type: 'object', additionalProperties: false });
    });

    it('works, with a result that survives the journal', async () => {
      const harness = await start();
      const result = await governance.execute(harness.tool, harness.works, contextOf(harness));
      expect(result).toMatchObject({ ok: true });
      expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    });

    it('is not called with arguments that do not fit, and names the field', async () => {
      const harness = await start();
      const result = await governance.execute(harness.tool, harness.unfit, contextOf(harness));
      expect(result).toMatchObject({ ok: false, code: 'invalid_request' });
      const extra = await governance.execute(
        harness.tool,
        { ...harness.works, surprise: 1 },
        contextOf(harness),
      );
      expect(extra).toMatchObject({ ok: false, code: 'invalid_request' });
      expect(extra.content).toContain('surprise');
    });

    it('stops when its run is stopped', async () => {
      const harness = await start();
      const stop = AbortSignal.abort(new Error('the run was cancelled'));
      await expect(governance.execute(harness.tool, harness.works, contextOf(harness, stop))).rejects.toThrow(
        'cancelled',
      );
    });

    it('is refused to an agent that does not name it', async () => {
      const harness = await start();
      const context = createToolContext({ ...harness.context, use: { name: 'another' } });
      expect(await governance.execute(harness.tool, harness.works, context)).toMatchObject({
        ok: false,
        code: 'tool_denied',
      });
    });
  });
}
