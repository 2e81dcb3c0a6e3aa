import type { ReadProject } from './read-project.ts';

export { App, createApp, createWorker, Worker } from './app.ts';
export type { AppOptions, StartedApp, StartedWorker } from './app-options.ts';
export { openLocalModels } from './open-local-models.ts';
export { playCassettes, type CassetteReport, type CassetteResult } from './play-cassettes.ts';
export type { ReadProject } from './read-project.ts';

/** Reads and checks a project as a server does; nothing is started. */
export async function readProject(
  dir: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ReadProject> {
  // Loaded only here: a server opens its database before it loads what it checks definitions with.
  const { readProject: read } = await import('./read-project.ts');
  return read(dir, environment);
}
