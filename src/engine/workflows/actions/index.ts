import type { WorkflowAction } from '../workflow-action.ts';
import { approval } from './approval.ts';
import { createCallTool } from './call-tool.ts';
import { conditional } from './conditional.ts';
import { emitOutput } from './emit-output.ts';
import { createHttpRequest, type HttpRequestDeps } from './http-request.ts';
import { invokeAgent } from './invoke-agent.ts';
import { invokeTeam } from './invoke-team.ts';
import { parallelGroup } from './parallel-group.ts';
import { createPublishEvent } from './publish-event.ts';
import { createRunCommand, type RunCommandDeps } from './run-command.ts';
import { runWorkflow } from './run-workflow.ts';
import { setState } from './set-state.ts';
import { createTransform } from './transform.ts';
import { validate } from './validate.ts';
import { createWait } from './wait.ts';

/** What the built-in actions need from outside. */
export type BuiltinActionDeps = Parameters<typeof createCallTool>[0] &
  Parameters<typeof createPublishEvent>[0] &
  Parameters<typeof createTransform>[0] &
  HttpRequestDeps & { readonly commands: Omit<RunCommandDeps, 'projectDir'> };

/** The actions that every workflow has. */
export function createBuiltinActions(deps: BuiltinActionDeps): readonly WorkflowAction[] {
  return [
    invokeAgent,
    invokeTeam,
    runWorkflow,
    createRunCommand({ ...deps.commands, projectDir: deps.projectDir }),
    validate,
    createTransform(deps),
    conditional,
    parallelGroup,
    createWait(deps),
    approval,
    createCallTool(deps),
    createHttpRequest(deps),
    createPublishEvent(deps),
    setState,
    emitOutput,
  ];
}
