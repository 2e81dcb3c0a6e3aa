import { silentLogger } from '../base/index.ts';
import type { ToolContext } from '../capabilities/tools/index.ts';

/** What a tool is called with, for tests of tools: allowed nothing until `use`, `knowledge` or `projectDir` say more. */
export function createToolContext(
  changes: Partial<Omit<ToolContext, 'use'>> & { use?: Partial<ToolContext['use']> } = {},
): ToolContext {
  const { use, ...others } = changes;
  return {
    scope: { tenant: 'default', principal: 'test', scopes: ['admin'] },
    runId: 'run_test',
    idempotencyKey: 'run_test:tool:1:0',
    knowledge: [],
    projectDir: '/nonexistent',
    signal: new AbortController().signal,
    logger: silentLogger,
    ...others,
    use: { name: 'tool', domains: [], paths: [], write: false, ...use },
  };
}
