import { AppError, systemClock, type Logger } from '../base/index.ts';
import { createToolGovernance, type ToolRegistry } from '../capabilities/tools/index.ts';
import {
  createAgentExecutor,
  createAgentRunner,
  createTargetDirectory,
  type AgentRunner,
  type AgentStore,
  type TargetDirectory,
} from '../engine/agents/index.ts';
import { createFileStore, type DefinitionStore, type LoadedProject } from '../engine/definitions/index.ts';
import type { RunExecutor } from '../engine/runs/index.ts';
import { createTeamExecutor } from '../engine/teams/index.ts';
import { createWorkflowExecutor, inputsSchema } from '../engine/workflows/index.ts';
import { createMetrics } from '../platform/observability/index.ts';
import type { TargetKind } from '../protocol/index.ts';
import { composeActions } from './compose-catalogue.ts';

interface OfflineParts {
  readonly agents: AgentStore;
  readonly teams: DefinitionStore<'Team'>;
  readonly workflows: DefinitionStore<'Workflow'>;
  readonly targets: TargetDirectory;
  readonly runner: AgentRunner;
  readonly workflow: RunExecutor;
}

/**
 * How each kind of target is executed without database, models and network. Recordings answer every step, so what would
 * reach outside is never called. A kind of target that comes new gets its line here.
 */
const offline: Readonly<Partial<Record<TargetKind, (parts: OfflineParts) => RunExecutor>>> = {
  agent: (parts) => createAgentExecutor(parts),
  team: (parts) => createTeamExecutor(parts),
  workflow: (parts) => parts.workflow,
};

function refused(what: string): AppError {
  return new AppError('internal', `${what} was to be called while a recording is played`);
}

/** Executors for playing recordings on the files of a project. */
export async function createOfflineExecutors(project: {
  readonly loaded: LoadedProject;
  readonly dir: string;
  readonly tools: ToolRegistry;
  readonly logger: Logger;
}): Promise<Readonly<Partial<Record<TargetKind, RunExecutor>>>> {
  const { loaded, dir, tools, logger } = project;
  const agents: AgentStore = {
    ...createFileStore('Agent', loaded),
    defaultName: () => Promise.reject(refused('the default agent')),
  };
  const teams = createFileStore('Team', loaded);
  const workflows = createFileStore('Workflow', loaded);
  const governance = createToolGovernance({
    clock: systemClock,
    logger,
    metrics: createMetrics({ version: '', processMetrics: false }),
  });
  const { actions, expressions } = await composeActions({
    tools,
    actions: [],
    governance,
    events: { publish: () => Promise.reject(refused('an event')) },
    settings: () => loaded.project.spec,
    projectDir: dir,
    environment: {},
    allowPrivate: [],
    clock: systemClock,
    // What it would stop begins with the first use, and recordings answer instead.
    lifecycle: { onStop: () => {} },
  });
  const parts: OfflineParts = {
    workflow: createWorkflowExecutor({
      workflows,
      actions,
      expressions,
      clock: systemClock,
      faults: () => Promise.resolve([]),
    }),
    agents,
    teams,
    workflows,
    targets: createTargetDirectory({ agents, teams, workflows, workflowInputs: inputsSchema }),
    runner: createAgentRunner({
      models: {
        stream: () => {
          throw refused('a model');
        },
      },
      tools,
      governance,
      projectDir: dir,
    }),
  };
  return Object.fromEntries(Object.entries(offline).map(([kind, create]) => [kind, create(parts)]));
}
