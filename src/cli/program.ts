import { Command, Option } from 'commander';
import { registerAgents } from './commands/agents.ts';
import { registerApprovals } from './commands/approvals.ts';
import { registerChannels } from './commands/channels.ts';
import { registerChat } from './commands/chat.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerDeadLetters } from './commands/dead-letters.ts';
import { registerDev } from './commands/dev.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerEvents } from './commands/events.ts';
import { registerInit } from './commands/init.ts';
import { registerKeys } from './commands/keys.ts';
import { registerMigrate } from './commands/migrate.ts';
import { registerModels } from './commands/models.ts';
import { registerRoutes } from './commands/routes.ts';
import { registerRun } from './commands/run.ts';
import { registerRuns } from './commands/runs.ts';
import { registerSchedules } from './commands/schedules.ts';
import { registerSensors } from './commands/sensors.ts';
import { registerSessions } from './commands/sessions.ts';
import { registerServe } from './commands/serve.ts';
import { registerStatus } from './commands/status.ts';
import { registerTeams } from './commands/teams.ts';
import { registerTest } from './commands/test.ts';
import { registerValidate } from './commands/validate.ts';
import { registerWorker } from './commands/worker.ts';
import { registerWorkers } from './commands/workers.ts';
import { registerWorkflows } from './commands/workflows.ts';
import type { CliContext } from './cli-context.ts';
import type { CliServices } from './cli-services.ts';

/** In the order in which help lists them. */
const registrations: readonly ((program: Command, context: CliContext, services: CliServices) => void)[] = [
  registerServe,
  registerWorker,
  registerDev,
  registerInit,
  registerValidate,
  registerTest,
  registerStatus,
  registerRun,
  registerChat,
  registerAgents,
  registerTeams,
  registerWorkflows,
  registerRuns,
  registerApprovals,
  registerSessions,
  registerSchedules,
  registerSensors,
  registerEvents,
  registerChannels,
  registerRoutes,
  registerDeadLetters,
  registerKeys,
  registerModels,
  registerWorkers,
  registerMigrate,
  registerDoctor,
  registerCompletion,
];

/** The tree of all commands. */
export function createProgram(context: CliContext, services: CliServices, version: string): Command {
  const program = new Command('agent33')
    .description('Run AI agents as a dependable service.')
    .version(version)
    .addOption(
      new Option('-o, --output <form>', 'form of the data').choices(['table', 'json', 'yaml', 'jsonl']),
    )
    .option('--json', 'short for --output json')
    .option('--url <address>', 'server; default AGENT33_URL, then the one of the project')
    .option('--api-key <key>', 'key; default AGENT33_API_KEY, then the one of the project')
    .option('--dir <folder>', 'folder of the project; default the nearest one upwards')
    .showHelpAfterError('(agent33 --help lists the commands)');
  const prepare = (command: Command): void => {
    command.exitOverride().configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    });
    for (const child of command.commands) prepare(child);
  };
  for (const register of registrations) register(program, context, services);
  prepare(program);
  return program;
}
