export { createApp, type App, type AppOptions, type StartedApp } from './app/index.ts';
export { AppError, type ErrorCode, type Logger } from './base/index.ts';
export type {
  LLMProvider,
  ModelEvent,
  ModelRequest,
  ModelResponse,
  OfflineScripts,
} from './capabilities/models/index.ts';
export { defineTool, ToolResult, type Tool, type ToolContext } from './capabilities/tools/index.ts';
export {
  defineDurableAction,
  defineGroupAction,
  defineStepAction,
  type WorkflowAction,
} from './engine/workflows/index.ts';
export { loadConfig, type Config } from './platform/config/index.ts';
export { createLogger } from './platform/observability/index.ts';
export type { AgentDefinition, AgentOutput, AgentResponse, RunEvent } from './protocol/index.ts';
export { z } from 'zod';
