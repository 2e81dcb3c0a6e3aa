import type { Clock, Logger } from '../base/index.ts';
import type { FileStore } from '../capabilities/files/index.ts';
import {
  createBuiltinTools,
  createToolRegistry,
  type Tool,
  type ToolGovernance,
  type ToolRegistry,
} from '../capabilities/tools/index.ts';
import { createExpressions, createJsonata } from '../engine/expressions/index.ts';
import {
  createActionRegistry,
  createBuiltinActions,
  createProcessRunner,
  createWorkflowGraphs,
  type BuiltinActionDeps,
  type WorkflowAction,
} from '../engine/workflows/index.ts';
import { createEgressClient } from '../platform/http-client/index.ts';
import type { ProjectDefinition } from '../protocol/index.ts';
import type { Lifecycle } from './lifecycle.ts';
import { createProjectChecks } from './project-checks.ts';
import { loadProjectTools } from './project-tools.ts';

interface ActionParts {
  readonly projectDir: string;
  /** What the project says of itself, as it is now. */
  readonly settings: () => ProjectDefinition['spec'];
  /** Variables that commands may be given. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly allowPrivate: readonly string[];
  readonly governance: ToolGovernance;
  /** For tools that make files. */
  readonly files?: FileStore;
  readonly events: BuiltinActionDeps['events'];
  /** What steps can do beside the built-in actions. */
  readonly actions: readonly WorkflowAction[];
  readonly clock: Clock;
  readonly lifecycle: Pick<Lifecycle, 'onStop'>;
}

/** What the catalogue of a project stands on. */
export interface CatalogueParts extends ActionParts {
  /** Tools beside the built-in ones and those of the project. */
  readonly tools: readonly Tool[];
  readonly logger: Logger;
}

/** What steps of workflows can do, and what evaluates and draws them. */
export async function composeActions(parts: ActionParts & { readonly tools: ToolRegistry }) {
  const { clock, settings, lifecycle } = parts;
  const expressions = await createExpressions();
  const jsonata = createJsonata({ clock });
  lifecycle.onStop('jsonata', () => jsonata.close());
  const actions = createActionRegistry(
    createBuiltinActions({
      tools: parts.tools,
      governance: parts.governance,
      projectDir: parts.projectDir,
      ...(parts.files === undefined ? {} : { files: parts.files }),
      events: parts.events,
      jsonata: () => jsonata,
      createEgress: createEgressClient,
      allowPrivate: parts.allowPrivate,
      domains: () => settings().egress.domains,
      clock,
      commands: {
        run: createProcessRunner({ clock }),
        rules: () => settings().commands,
        environment: parts.environment,
      },
    }),
  );
  for (const action of parts.actions) actions.register(action);
  return { expressions, actions, graphs: createWorkflowGraphs(expressions) };
}

/** Everything that definitions can name, and what is looked for in them: tools, actions, expressions, checks, drawings. */
export async function composeCatalogue(parts: CatalogueParts) {
  const { clock, logger, projectDir, allowPrivate } = parts;
  const tools = createToolRegistry({ logger });
  const builtin = createBuiltinTools({ clock, createEgress: createEgressClient, allowPrivate });
  for (const tool of [...builtin, ...parts.tools]) tools.register(tool);
  const { faults } = await loadProjectTools({ projectDir, tools, logger });
  const composed = await composeActions({ ...parts, tools });
  return {
    ...composed,
    tools,
    toolFaults: faults,
    checks: createProjectChecks({ ...composed, tools }),
  };
}
