import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { AppError } from '../../../base/index.ts';
import { defineTool } from '../define-tool.ts';
import { ToolResult, type Tool, type ToolContext } from '../tool.ts';
import { entryOf, jailedSegments, openFile, openFolder } from './folder-walk.ts';

const mostBytes = 1024 * 1024;
const mostEntries = 1000;

/** The allowed folder that a path begins with, and what follows it. */
function locate(given: string, context: ToolContext): { root: string; segments: readonly string[] } {
  const segments = jailedSegments(given);
  for (const allowed of context.use.paths) {
    const prefix = path.posix
      .normalize(allowed)
      .split('/')
      .filter((segment) => segment !== '' && segment !== '.');
    if (prefix.every((segment, index) => segments[index] === segment)) {
      return { root: path.resolve(context.projectDir, allowed), segments: segments.slice(prefix.length) };
    }
  }
  const where =
    context.use.paths.length === 0 ? 'no folder is allowed' : `allowed are: ${context.use.paths.join(', ')}`;
  throw new AppError('tool_denied', `path: "${given}" is not in an allowed folder; ${where}`);
}

async function read(given: string, context: ToolContext): Promise<ToolResult> {
  const { root, segments } = locate(given, context);
  await using folder = await openFolder(root, segments.slice(0, -1));
  await using file = await openFile(folder, segments.at(-1) ?? '.');
  const { size } = await file.stat();
  if (size > mostBytes)
    return ToolResult.fail(
      `"${given}" has ${size} bytes; at most ${mostBytes} can be read`,
      'payload_too_large',
    );
  try {
    return ToolResult.ok(new TextDecoder('utf-8', { fatal: true }).decode(await file.readFile()));
  } catch {
    return ToolResult.fail(`"${given}" is not UTF-8 text`, 'unsupported_media_type');
  }
}

async function list(given: string, context: ToolContext): Promise<ToolResult> {
  const { root, segments } = locate(given, context);
  await using folder = await openFolder(root, segments);
  const entries = await readdir(entryOf(folder, '.'), { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).toSorted();
  const more = names.length > mostEntries ? `\n[${names.length - mostEntries} more]` : '';
  return ToolResult.ok(names.slice(0, mostEntries).join('\n') + more, { data: names.slice(0, mostEntries) });
}

async function write(given: string, content: string, context: ToolContext): Promise<ToolResult> {
  if (!context.use.write)
    return ToolResult.fail('the agent may not write files (tools.write is false)', 'tool_denied');
  const { root, segments } = locate(given, context);
  const name = segments.at(-1);
  if (name === undefined) return ToolResult.fail('path: expected the name of a file', 'invalid_request');
  await using folder = await openFolder(root, segments.slice(0, -1));
  const temporary = entryOf(folder, `.${randomUUID()}.tmp`);
  try {
    await using file = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await rename(temporary, entryOf(folder, name));
  return ToolResult.ok(`wrote ${Buffer.byteLength(content)} bytes to ${given}`);
}

/** Reads, lists and (where allowed) writes files in the folders that the agent's definition names. */
export const fileOps: Tool = defineTool({
  name: 'file_ops',
  description: 'Reads, lists or writes text files in the folders that are allowed.',
  parameters: z.strictObject({
    operation: z.enum(['read', 'list', 'write']),
    path: z.string().min(1).max(1000).describe('Relative to the project, such as "notes/today.md".'),
    content: z.string().max(mostBytes).optional().describe('Text to write.'),
  }),
  effect: 'keyed',
  examples: ['list files in notes', 'read the file notes/today.md'],
  execute: async ({ operation, path: given, content }, context) => {
    if (operation === 'read') return read(given, context);
    if (operation === 'list') return list(given, context);
    if (content === undefined)
      return ToolResult.fail('content: is missing; expected the text to write', 'invalid_request');
    return write(given, content, context);
  },
});
