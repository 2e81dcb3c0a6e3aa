import type { Json } from '../../base/index.ts';
import type { RunExecutor } from '../runs/index.ts';
import { agentInputOf, conversationOf } from './agent-input.ts';
import { isDownstreamStep } from './agent-steps.ts';
import { snapshotAgent, withModel, type AgentSnapshot } from './agent-snapshot.ts';
import type { AgentStore } from './agent-store.ts';
import type { AgentRunner } from './create-agent-runner.ts';
import type { TargetDirectory } from './target-directory.ts';

export interface AgentExecutorDeps {
  readonly agents: AgentStore;
  readonly targets: TargetDirectory;
  readonly runner: AgentRunner;
}

/** Executes agents: the definition a run started with, its input and its session's history in; answer out. */
export function createAgentExecutor({ agents, targets, runner }: AgentExecutorDeps): RunExecutor {
  return {
    isDownstream: (_definition, from, key) => isDownstreamStep(from, key),
    withModel: (stored, name) => withModel(stored as unknown as AgentSnapshot, name) as unknown as Json,

    async snapshot(scope, name) {
      const { hash, agent, timeoutMs } = await snapshotAgent(targets, scope, await agents.get(scope, name));
      return { hash, definition: agent as unknown as Json, timeoutMs };
    },

    async execute(stored, context) {
      const input = agentInputOf(context.input);
      const defined = stored as unknown as AgentSnapshot;
      const agent = input.model === undefined ? defined : withModel(defined, input.model);
      const { output, messages } = await runner.run({
        agent,
        context,
        input,
        conversation: await conversationOf(context, input, agent.spec.memory.session),
        asker: `Agent "${agent.metadata.name}"`,
      });
      return { output: output as unknown as Json, text: output.text, messages };
    },
  };
}
