import { readdir } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { AppError, type Logger } from '../base/index.ts';
import type { ToolRegistry, Tool } from '../capabilities/tools/index.ts';

const loadable = /\.(?:[cm]?ts|[cm]?js)$/;
const notATool = /\.(?:d|test|spec)\.[cm]?[tj]s$/;

// Tools import `agent33`; they get the server that runs them, whether or not the package is installed beside them.
let hooked = false;
function resolveOwnPackage(): void {
  if (hooked) return;
  hooked = true;
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const own = new Map([['agent33', new URL(`../index.${extension}`, import.meta.url).href]]);
  registerHooks({
    resolve: (specifier, context, next) => {
      const url = own.get(specifier);
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
    },
  });
}

function toolsOf(module: Readonly<Record<string, unknown>>): readonly Tool[] {
  const { default: single, tools } = module;
  if (Array.isArray(tools)) return tools as readonly Tool[];
  if (single !== undefined) return [single as Tool];
  throw new AppError(
    'invalid_definition',
    'expected a default export made with defineTool, or a list `tools`',
  );
}

/** A file of the project that should hold a tool and cannot be used. */
export interface ToolFault {
  readonly file: string;
  readonly message: string;
}

/**
 * Registers the project's own tools: what the files in `tools/` export by default. A file that cannot be used is told
 * to the log with its reason, and the others are loaded.
 */
export async function loadProjectTools(deps: {
  projectDir: string;
  tools: ToolRegistry;
  logger: Logger;
}): Promise<{ readonly names: readonly string[]; readonly faults: readonly ToolFault[] }> {
  const folder = path.join(deps.projectDir, 'tools');
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files = entries
    .filter((entry) => entry.isFile() && loadable.test(entry.name) && !notATool.test(entry.name))
    .map((entry) => entry.name)
    .toSorted();
  if (files.length > 0) resolveOwnPackage();
  const names: string[] = [];
  const faults: ToolFault[] = [];
  for (const file of files) {
    try {
      const module = (await import(pathToFileURL(path.join(folder, file)).href)) as Record<string, unknown>;
      for (const tool of toolsOf(module)) {
        deps.tools.register(tool);
        names.push(tool.name);
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      faults.push({ file: `tools/${file}`, message: reason });
      deps.logger.error({ file: `tools/${file}`, reason }, 'tool could not be loaded');
    }
  }
  return { names, faults };
}
