import type { Command } from 'commander';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { outputFormat, plainText, printRows, rowsOf, type Column } from '../output.ts';
import { openClient } from './open-client.ts';

const deploymentColumns: readonly Column[] = [
  { title: 'GROUP', value: (row) => row['group'] },
  { title: 'DEPLOYMENT', value: (row) => row['id'] },
  { title: 'PROVIDER', value: (row) => row['provider'] },
  { title: 'MODEL', value: (row) => row['model'] },
  { title: 'IN FLIGHT', value: (row) => row['in_flight'] },
  { title: 'REQUESTS/MIN', value: (row) => row['requests'] },
  { title: 'FAILED', value: (row) => row['failures'] },
  {
    title: 'STATE',
    value: ({ cooling_until: until }) => (typeof until === 'string' ? `cooling down until ${until}` : 'ok'),
  },
];

const testColumns: readonly Column[] = [
  { title: 'DEPLOYMENT', value: (row) => row['deployment'] },
  { title: 'RESULT', value: (row) => (row['ok'] === true ? 'ok' : 'failed') },
  { title: 'MS', value: (row) => row['latency_ms'] },
  { title: 'ANSWERED BY', value: (row) => row['model'] },
  {
    title: 'ERROR',
    value: ({ error }) => {
      return isJsonObject(error) ? `${plainText(error['code'])}: ${plainText(error['message'])}` : undefined;
    },
  },
];

const explainColumns: readonly Column[] = [
  { title: 'STEP', value: (row) => row['step'] },
  { title: 'GROUP', value: (row) => row['group'] },
  { title: 'STRATEGY', value: (row) => row['strategy'] },
  { title: 'DEPLOYMENT', value: (row) => row['deployment'] },
  { title: 'VERDICT', value: (row) => row['verdict'] },
  { title: 'DETAIL', value: (row) => row['detail'] },
];

const listOf = (body: Json, field: string): readonly JsonObject[] =>
  isJsonObject(body) ? rowsOf({ items: body[field] ?? [] }) : [];

function explainedRows(body: Json): JsonObject[] {
  return listOf(body, 'steps').flatMap((step, place) =>
    listOf(step, 'considered').map((one) => ({
      ...one,
      step: `${place + 1} ${plainText(step['reason'])}`,
      group: step['group'] ?? null,
      strategy: step['strategy'] ?? null,
    })),
  );
}

/** `agent33 models deployments|explain|test`: the router of the running server. */
export function addModelRouterCommands(models: Command, context: CliContext): void {
  models
    .command('deployments')
    .description('deployments of the model list, and how they are doing')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/models/router');
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      printRows(context, format, listOf(body, 'deployments'), deploymentColumns);
    });
  models
    .command('explain')
    .description('who would be called for a model now, and why; calls nobody')
    .argument('<model>', 'a group, an alias, a deployment or provider/model')
    .option('--tag <tag...>', 'tags of the request')
    .action(async (model: string, options: { readonly tag?: readonly string[] }, command: Command) => {
      const query = new URLSearchParams({ model });
      if (options.tag !== undefined) query.set('tags', options.tag.join(','));
      const body = await openClient(context, command).call(
        'GET',
        `/api/v1/models/router/explain?${query.toString()}`,
      );
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      printRows(context, format, explainedRows(body), explainColumns);
    });
  models
    .command('test')
    .description('asks each deployment of a model for one word; real calls, which cost what they cost')
    .argument('<model>', 'a group, an alias, a deployment or provider/model')
    .action(async (model: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call('POST', '/api/v1/models/router/test', {
        body: { model },
      });
      printRows(context, outputFormat(command.optsWithGlobals<GlobalOptions>()), rowsOf(body), testColumns);
    });
}
