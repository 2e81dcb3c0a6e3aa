export type { ExtraRoutes, HttpServerDeps, WorkflowTools } from './http-deps.ts';
export { createHttpServer, createProbeServer, type HttpServer } from './http-server.ts';
export { longestChain, type ResponseStore, type StoredResponse } from './openai/responses/response-store.ts';
export { SqlResponseStore } from './openai/responses/sql-response-store.ts';
