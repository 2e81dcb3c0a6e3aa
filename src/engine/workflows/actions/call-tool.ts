import { z } from 'zod';
import {
  AppError,
  didYouMean,
  errorTable,
  type ErrorCode,
  type Json,
  type JsonObject,
} from '../../../base/index.ts';
import type { FileStore } from '../../../capabilities/files/index.ts';
import {
  toolFilesOf,
  type ToolGovernance,
  type ToolRegistry,
  type ToolResult,
} from '../../../capabilities/tools/index.ts';
import { defineStepAction } from '../define-action.ts';
import type { StepAction } from '../workflow-action.ts';

function failure(tool: string, result: Extract<ToolResult, { ok: false }>): AppError {
  const known = Object.hasOwn(errorTable, result.code);
  return new AppError(
    known ? (result.code as ErrorCode) : 'upstream_error',
    `tool "${tool}": ${result.content.slice(0, 2000)}`,
    { details: { tool, tool_code: result.code } },
  );
}

/** Calls a tool under governance, with the scope of the run. */
export function createCallTool(deps: {
  readonly tools: Pick<ToolRegistry, 'get' | 'listAll'>;
  readonly governance: ToolGovernance;
  readonly projectDir: string;
  /** For tools that make files. */
  readonly files?: FileStore;
}): StepAction {
  const find = (name: string) => {
    const tool = deps.tools.get(name);
    if (tool !== undefined) return tool;
    const names = deps.tools.listAll().map((one) => one.name);
    throw new AppError('not_found', `inputs.tool: there is no tool "${name}"${didYouMean(name, names)}`);
  };
  return defineStepAction({
    name: 'call_tool',
    description: 'Calls a registered tool, under the same governance as an agent does.',
    inputs: z.strictObject({
      tool: z.string().min(1).describe('Name of a registered tool.'),
      arguments: z.record(z.string(), z.unknown()).default({}).describe('As the tool declares them.'),
      domains: z
        .array(z.string().min(1))
        .default([])
        .describe('web_fetch: hosts it may reach. No expressions.'),
      paths: z
        .array(z.string().min(1))
        .default([])
        .describe('file_ops: folders it may use, relative to the project. No expressions.'),
      write: z.boolean().default(false).describe('file_ops: may it write?'),
      collection: z.string().min(1).optional().describe('knowledge_search: the one collection it searches.'),
      knowledge: z
        .array(z.strictObject({ name: z.string().min(1), path: z.string().min(1) }))
        .default([])
        .describe('knowledge_search: collections, name and folder. No expressions.'),
    }),
    output: z.object({
      content: z.string().describe('What the tool answered, as text.'),
      data: z.unknown().describe('What it answered as data, or null.'),
      files: z
        .array(z.record(z.string(), z.unknown()))
        .optional()
        .describe(
          'Files that it made; as `files` of the output of the workflow they go along with the answer.',
        ),
    }),
    literal: ['tool', 'domains', 'paths', 'write', 'knowledge'],
    kind: 'tool',
    effect: ({ tool }) => deps.tools.get(tool)?.effect ?? 'none',
    run: async (call, io): Promise<Json> => {
      const { tool: name, domains, paths, write, collection, knowledge } = call.inputs;
      const tool = find(name);
      const result = await deps.governance.execute(tool, call.inputs.arguments as JsonObject, {
        scope: call.scope,
        runId: call.runId,
        idempotencyKey: io.idempotencyKey,
        use: { name, domains, paths, write, ...(collection === undefined ? {} : { collection }) },
        knowledge,
        projectDir: deps.projectDir,
        ...(deps.files === undefined
          ? {}
          : {
              files: toolFilesOf(deps.files, {
                scope: call.scope,
                runId: call.runId,
                idempotencyKey: io.idempotencyKey,
              }),
            }),
        signal: io.signal,
        logger: call.logger,
      });
      if (!result.ok) throw failure(name, result);
      const made = result.files === undefined ? {} : { files: [...result.files] };
      return { content: result.content, data: result.data ?? null, ...made };
    },
  });
}
