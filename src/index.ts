export { createApp, type App, type AppOptions, type StartedApp } from './app/index.ts';
export { AppError, type ErrorCode, type Logger } from './base/index.ts';
export {
  fromLanguageModel,
  type EmbeddingRequest,
  type EmbeddingResponse,
  type Finding,
  type Guard,
  type GuardContext,
  type GuardedAnswer,
  type LanguageModelProviderOptions,
  type LLMProvider,
  type ModelCallOptions,
  type ModelCapabilities,
  type ModelEvent,
  type ModelInfo,
  type ModelRequest,
  type ModelResponse,
  type ModelSettings,
  type ModelTool,
  type OfflineScripts,
  type PluginProvider,
  type RerankRequest,
  type RerankResponse,
  type SimpleProvider,
  type TextScan,
  type Verdict,
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
export type {
  AgentDefinition,
  AgentOutput,
  AgentResponse,
  ChatMessage,
  RunEvent,
  ToolCall,
  Usage,
  UserPart,
} from './protocol/index.ts';
export { z } from 'zod';
