export type { ExtraRoutes, HttpServerDeps, WorkflowTools } from './http-deps.ts';
export { createHttpServer, createProbeServer, type HttpServer } from './http-server.ts';
