export { agentInputOf, clientToolsOf, conversationOf, type Conversation } from './agent-input.ts';
export { snapshotAgent, waitingTimeoutMs, withModel, type AgentSnapshot } from './agent-snapshot.ts';
export { isDownstreamStep } from './agent-steps.ts';
export type * from './agent-store.ts';
export { createAgentExecutor, type AgentExecutorDeps } from './create-agent-executor.ts';
export { CallSlots } from './call-slots.ts';
export {
  createAgentRunner,
  type AgentRunner,
  type AgentRunnerDeps,
  type LeadDuty,
} from './create-agent-runner.ts';
export { createAgentStore } from './create-agent-store.ts';
export { createDelegateTools, resultOfChild, textOfOutput, type Delegate } from './delegate-tools.ts';
export type { DurableTool } from './durable-tool.ts';
export { runChild, type ChildReport } from './run-child.ts';
export {
  runAgentLoop,
  type AgentLoopDeps,
  type AgentTurn,
  type AgentTurnResult,
  type TurnSpending,
} from './run-agent-loop.ts';
export {
  createTargetDirectory,
  membersOf,
  type TargetCard,
  type TargetDirectory,
} from './target-directory.ts';
export { quotedText } from './quoted-text.ts';
export { ToolNames } from './tool-names.ts';
