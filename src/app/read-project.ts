import { AppError, silentLogger, systemClock } from '../base/index.ts';
import { readModelList } from '../capabilities/models/index.ts';
import { createToolGovernance } from '../capabilities/tools/index.ts';
import {
  loadProject,
  loadProjectSettings,
  type DefinitionProblem,
  type LoadedProject,
} from '../engine/definitions/index.ts';
import { planWorkflow, toMermaid, toTerminal } from '../engine/workflows/index.ts';
import { createMetrics } from '../platform/observability/index.ts';
import type { WorkflowDefinition } from '../protocol/index.ts';
import { composeCatalogue } from './compose-catalogue.ts';
import { Lifecycle } from './lifecycle.ts';
import { modelSourcesOf } from './model-sources.ts';

/** A project's files as a server would read them, without a server. */
export interface ReadProject extends LoadedProject {
  readonly problems: readonly DefinitionProblem[];
  /** What is written about models but is not used, and what keeps one of them from being called. */
  readonly notes: readonly string[];
  /** A workflow as a Mermaid flowchart, or as lines for a terminal. */
  drawWorkflow(definition: WorkflowDefinition, form: 'mermaid' | 'terminal'): string;
}

/** Reads and checks a project as a server does; nothing is started. Faults of its tools are among its problems. */
export async function readProject(
  dir: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ReadProject> {
  const lifecycle = new Lifecycle(silentLogger);
  const { spec } = await loadProjectSettings(dir, { environment });
  const catalogue = await composeCatalogue({
    projectDir: dir,
    settings: () => spec,
    environment: {},
    allowPrivate: [],
    tools: [],
    actions: [],
    governance: createToolGovernance({
      clock: systemClock,
      logger: silentLogger,
      metrics: createMetrics({ version: '0', processMetrics: false }),
    }),
    events: { publish: () => Promise.reject(new AppError('not_ready', 'no server runs here')) },
    clock: systemClock,
    logger: silentLogger,
    lifecycle,
  });
  try {
    const loaded = await loadProject(dir, { environment, ...catalogue.checks });
    const models = await readModelList(modelSourcesOf(loaded), {
      dir,
      environment,
      clock: systemClock,
      buildProvider: () => {
        throw new AppError('not_ready', 'no server runs here');
      },
    });
    return {
      ...loaded,
      problems: [...loaded.problems, ...catalogue.toolFaults, ...models.faults],
      notes: models.list.notes,
      drawWorkflow(definition, form) {
        const { plan } = planWorkflow(definition.spec, catalogue.expressions);
        return form === 'mermaid' ? toMermaid(plan) : toTerminal(plan);
      },
    };
  } finally {
    await lifecycle.stop();
  }
}
