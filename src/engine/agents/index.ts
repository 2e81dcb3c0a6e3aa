export type * from './agent-store.ts';
export { createAgentExecutor, type AgentExecutorDeps } from './create-agent-executor.ts';
export { createAgentStore } from './create-agent-store.ts';
export { loadProject, type LoadedProject } from './load-project.ts';
export { createProjectSource, type ProjectSource } from './project-source.ts';
export { runAgentLoop, type AgentLoopDeps, type AgentTurn, type AgentTurnResult } from './run-agent-loop.ts';
export { writeSchemas } from './write-schemas.ts';
