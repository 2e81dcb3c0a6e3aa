import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { parseAllDocuments } from 'yaml';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { ApiClient } from '../api-client.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import { outputFormat, printRows, printValue, rowsOf, type Column } from '../output.ts';
import { openClient } from './open-client.ts';

/** A field of the definition, or of the agent itself where the server lists agents flat. */
function definitionField(row: JsonObject, ...steps: readonly string[]): Json | undefined {
  let value: Json | undefined = isJsonObject(row['definition']) ? row['definition'] : row;
  for (const step of steps) value = isJsonObject(value) ? value[step] : undefined;
  return value;
}

const agentColumns: readonly Column[] = [
  { title: 'NAME', value: (row) => row['name'] ?? definitionField(row, 'metadata', 'name') },
  { title: 'MODEL', value: (row) => row['model'] ?? definitionField(row, 'spec', 'model', 'name') },
  { title: 'DESCRIPTION', value: (row) => row['description'] ?? definitionField(row, 'spec', 'description') },
  {
    title: 'FROM',
    value: ({ origin }) => (isJsonObject(origin) ? (origin['path'] ?? origin['kind']) : origin),
  },
];

/** Every definition in a YAML or JSON file. */
async function readDefinitions(context: CliContext, file: string): Promise<readonly JsonObject[]> {
  const text = await readFile(path.resolve(context.cwd, file), 'utf8').catch((error: unknown) => {
    throw usageError(`${file} cannot be read: ${(error as Error).message}`);
  });
  return parseAllDocuments(text).map((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw usageError(`${file}: ${fault.message}`);
    const value = document.toJS() as unknown;
    if (!isJsonObject(value)) throw usageError(`${file}: expected a definition, found ${typeof value}`);
    return value;
  });
}

type Applied = { readonly name: string; readonly action: 'created' | 'updated' };

async function apply(client: ApiClient, definition: JsonObject): Promise<Applied> {
  const { metadata } = definition;
  const name = isJsonObject(metadata) ? metadata['name'] : definition['name'];
  if (typeof name !== 'string') throw usageError('the definition has no metadata.name');
  try {
    await client.call('PUT', `/api/v1/agents/${encodeURIComponent(name)}`, { body: definition });
    return { name, action: 'updated' };
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== exitCodes.notFound) throw error;
    await client.call('POST', '/api/v1/agents', { body: definition });
    return { name, action: 'created' };
  }
}

/** `agent33 agents …`: agents of the server. */
export function registerAgents(program: Command, context: CliContext): void {
  const agents = program.command('agents').description('agents of the server');
  agents
    .command('list')
    .description('all agents')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/agents');
      printRows(context, outputFormat(command.optsWithGlobals<GlobalOptions>()), rowsOf(body), agentColumns);
    });
  agents
    .command('show <name>')
    .description('one agent with its definition')
    .action(async (name: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call(
        'GET',
        `/api/v1/agents/${encodeURIComponent(name)}`,
      );
      printValue(context, outputFormat(command.optsWithGlobals<GlobalOptions>()), body);
    });
  agents
    .command('apply <file>')
    .description('create or update the agents defined in a YAML or JSON file')
    .action(async (file: string, _options: unknown, command: Command) => {
      const client = openClient(context, command);
      const results: Applied[] = [];
      for (const definition of await readDefinitions(context, file)) {
        results.push(await apply(client, definition));
      }
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      if (format !== 'table') printRows(context, format, results, []);
      for (const { name, action } of results) say(context, `agent ${name} ${action}`);
    });
  agents
    .command('delete <name>')
    .description('delete an agent that was created over the API')
    .action(async (name: string, _options: unknown, command: Command) => {
      await openClient(context, command).call('DELETE', `/api/v1/agents/${encodeURIComponent(name)}`);
      say(context, `agent ${name} deleted`);
    });
}
