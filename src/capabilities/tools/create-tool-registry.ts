import { AppError, type Logger } from '../../base/index.ts';
import type { Tool, ToolRegistry } from './tool.ts';

function assertTool(candidate: unknown): asserts candidate is Tool {
  const tool = candidate as Partial<Tool> | null;
  const missing = (['name', 'description'] as const).filter(
    (field) => typeof tool?.[field] !== 'string' || tool[field] === '',
  );
  const faults: string[] = missing.map((field) => `${field}: expected a text`);
  if (typeof tool?.execute !== 'function') faults.push('execute: expected a function');
  if (typeof tool?.parameters !== 'object') faults.push('parameters: expected a JSON Schema');
  if (tool?.effect !== 'none' && tool?.effect !== 'keyed' && tool?.effect !== 'unkeyed') {
    faults.push('effect: expected "none", "keyed" or "unkeyed"');
  }
  if (faults.length > 0) throw new AppError('invalid_definition', `not a tool: ${faults.join('; ')}`);
}

/** An empty registry of tools. */
export function createToolRegistry(deps: {
  logger: Logger;
  load?: (name: string) => Promise<Record<string, unknown>>;
}): ToolRegistry {
  const tools = new Map<string, Tool>();
  const registry: ToolRegistry = {
    register(tool) {
      assertTool(tool);
      if (tools.has(tool.name))
        throw new AppError('conflict', `a tool named "${tool.name}" is registered already`);
      tools.set(tool.name, tool);
    },
    async discover(packages) {
      let found = 0;
      for (const name of packages) {
        try {
          const loaded =
            deps.load === undefined
              ? ((await import(name)) as Record<string, unknown>)
              : await deps.load(name);
          const offered = loaded['tools'];
          if (!Array.isArray(offered))
            throw new AppError('invalid_definition', `package "${name}" exports no "tools" list`);
          for (const tool of offered) registry.register(tool as Tool);
          found += offered.length;
        } catch (error) {
          deps.logger.warn({ error, package: name }, 'tool package was skipped');
        }
      }
      return found;
    },
    get: (name) => tools.get(name),
    listAll: () => [...tools.values()],
  };
  return registry;
}
