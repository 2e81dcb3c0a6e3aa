export type { ExtraRoutes, HttpServerDeps } from './http-deps.ts';
export { createHttpServer, type HttpServer } from './http-server.ts';
