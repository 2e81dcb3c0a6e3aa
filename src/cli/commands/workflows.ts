import type { Command } from 'commander';
import { didYouMean, isJsonObject, type JsonObject } from '../../base/index.ts';
import { loadEnvironment } from '../../platform/config/index.ts';
import type { WorkflowDefinition } from '../../protocol/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import type { CliServices } from '../cli-services.ts';
import { columns, outputFormat, plainText, printRows, printValue, rowsOf } from '../output.ts';
import { findProjectDir } from '../project-folder.ts';
import { failOnProblems, printProblems } from '../project-problems.ts';
import { addInput, readInputsByName, waitMs } from '../read-inputs.ts';
import { watchRun } from '../watch-run.ts';
import { openClient } from './open-client.ts';

interface RunOptions extends GlobalOptions {
  readonly input?: JsonObject;
  readonly inputs?: string;
  readonly session?: string;
  readonly timeout?: string;
  readonly wait: boolean;
  readonly watch?: boolean;
}

interface GraphOptions extends GlobalOptions {
  readonly mermaid?: boolean;
}

/** `agent33 workflows …`: workflows of the server, and those in the project's files. */
export function registerWorkflows(program: Command, context: CliContext, services: CliServices): void {
  const workflows = program.command('workflows').description('workflows of the server and of the project');
  const address = (name: string, rest = ''): string => `/api/v1/workflows/${encodeURIComponent(name)}${rest}`;

  const loadFiles = async (command: Command) => {
    const dir = findProjectDir(context, command.optsWithGlobals<GlobalOptions>());
    const environment = loadEnvironment({ env: context.env, workingDir: context.cwd, projectDir: dir });
    return { dir, ...(await services.loadProject(dir, environment)) };
  };

  workflows
    .command('list')
    .description('all workflows')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/workflows');
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      printRows(context, format, rowsOf(body), columns('name', 'steps', 'description', 'updated_at'));
    });
  workflows
    .command('show <name>')
    .description('one workflow with its definition')
    .action(async (name: string, _options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', address(name));
      printValue(context, outputFormat(command.optsWithGlobals<GlobalOptions>()), body);
    });
  workflows
    .command('actions')
    .description('what steps can do')
    .action(async (_options: unknown, command: Command) => {
      const body = await openClient(context, command).call('GET', '/api/v1/workflows/actions');
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      printRows(context, format, rowsOf(body), columns('name', 'description'));
    });

  workflows
    .command('run <name>')
    .description('run a workflow and print its output')
    .option('--input <name=value>', 'one input; JSON, else a text; may be repeated', addInput)
    .option('--inputs <file>', 'inputs from a JSON or YAML file, or a JSON object; - reads standard input')
    .option('--session <id>', 'conversation that the run belongs to')
    .option('--timeout <duration>', 'longest life of the run, such as 10m')
    .option('--wait', 'wait for the end (the default)', true)
    .option('--no-wait', 'print the id of the run and go')
    .option('--watch', 'show what happens until the end')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RunOptions>();
      const fromFile = options.inputs === undefined ? {} : await readInputsByName(context, options.inputs);
      const watched = options.watch === true;
      const client = openClient(context, command);
      const body = {
        inputs: { ...fromFile, ...options.input },
        wait: options.wait && !watched,
        ...(options.session === undefined ? {} : { session_id: options.session }),
        ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      };
      const answer = await client.call('POST', address(name, '/execute'), { body, timeoutMs: waitMs });
      const started = isJsonObject(answer) ? answer : {};
      const runId = started['run_id'];
      const format = outputFormat(options);
      if (watched && typeof runId === 'string') {
        await watchRun(context, client, runId);
        const run = await client.call('GET', `/api/v1/runs/${runId}`);
        if (isJsonObject(run)) printValue(context, format, run['output'] ?? null);
        return;
      }
      if (format === 'table' && started['status'] === 'completed')
        printValue(context, format, started['output'] ?? null);
      else printValue(context, format, answer);
      if (options.wait && started['status'] !== 'completed') {
        const waits = started['status'] === 'waiting';
        const people = waits ? '`agent33 approvals list` shows what people are asked; ' : '';
        throw new CliError(`run ${plainText(runId)} ${waits ? 'waits' : 'goes on'}`, {
          exitCode: exitCodes.timeout,
          hint: `${people}see \`agent33 runs watch ${plainText(runId)}\``,
        });
      }
    });

  workflows
    .command('graph <name>')
    .description("steps of a workflow in the project's files, drawn; no server is needed")
    .option('--mermaid', 'as a Mermaid flowchart')
    .action(async (name: string, options: GraphOptions, command: Command) => {
      const { dir, definitions, problems, drawWorkflow } = await loadFiles(command);
      const found = definitions.filter(({ definition }) => definition.kind === 'Workflow');
      const one = found.find(({ definition }) => definition.metadata.name === name);
      if (one === undefined) {
        printProblems(context, 'table', dir, problems);
        const names = found.map(({ definition }) => definition.metadata.name);
        throw new CliError(
          `there is no valid workflow "${name}" in the files of ${dir}${didYouMean(name, names)}`,
          {
            exitCode: exitCodes.notFound,
          },
        );
      }
      const form = options.mermaid === true ? 'mermaid' : 'terminal';
      context.stdout.write(drawWorkflow(one.definition as WorkflowDefinition, form));
    });

  workflows
    .command('validate [name]')
    .description("check the workflows in the project's files, or one of them; no server is needed")
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const { dir, definitions, problems } = await loadFiles(command);
      const found = definitions.filter(
        ({ definition }) =>
          definition.kind === 'Workflow' && (name === undefined || definition.metadata.name === name),
      );
      // A faulty file has no name: its faults are shown whichever was asked for, unless they are of a valid other one.
      const others = new Set(
        definitions.map((one) => one.path).filter((file) => !found.some((one) => one.path === file)),
      );
      const concerned = problems.filter(
        ({ file }) => /^workflow(?:s|-definitions)\//.test(file) && !others.has(file),
      );
      if (name !== undefined && found.length === 0 && concerned.length === 0)
        throw usageError(`there is no workflow "${name}" in the files of ${dir}`);
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      printProblems(context, format, dir, concerned);
      failOnProblems(concerned);
      say(context, `valid: ${found.map(({ definition }) => definition.metadata.name).join(', ') || 'none'}`);
    });
}
