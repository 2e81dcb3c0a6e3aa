import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createApp, type AppOptions, type StartedApp } from '../app/index.ts';
import { silentLogger } from '../base/index.ts';
import { loadConfig } from '../platform/config/index.ts';
import { FakeModel } from './fake-model.ts';

/** A whole Agent33 on a free port, with a project of its own and a model that the test scripts. */
export interface TestApp extends StartedApp {
  readonly model: string;
  readonly fakeModel: FakeModel;
  readonly projectDir: string;
  /** Calls the server with its admin key. */
  request(
    method: string,
    address: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Response>;
  stop(): Promise<void>;
}

/**
 * Starts a server for a test. `files` are the project's, by path; agents of them use the model `fake/model` unless they
 * name another. Stop it when done: that deletes the project.
 */
export async function createTestApp(
  options: {
    files?: Readonly<Record<string, string>>;
    env?: Readonly<Record<string, string>>;
    fakeModel?: FakeModel;
    app?: Partial<AppOptions>;
  } = {},
): Promise<TestApp> {
  const projectDir = await mkdtemp(path.join(tmpdir(), 'agent33-test-'));
  const files = {
    'agent33.yaml':
      'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: test }\nspec: { models: { default: fake/model } }\n',
    ...options.files,
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(projectDir, name)), { recursive: true });
    await writeFile(path.join(projectDir, name), content);
  }
  const environment = { API_PORT: '0', API_HOST: '127.0.0.1', ...options.env };
  const fakeModel = options.fakeModel ?? new FakeModel({ name: 'fake', models: ['model'] });
  const app = createApp({
    version: 'test',
    config: loadConfig({ env: environment, projectDir, workingDir: projectDir }),
    environment,
    logger: silentLogger,
    providers: [fakeModel],
    ...options.app,
  });
  const started = await app.start();
  return {
    ...started,
    fakeModel,
    projectDir,
    request: (method, address, body, headers = {}) =>
      fetch(new URL(address, started.url), {
        method,
        headers: {
          'x-api-key': started.apiKey,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    stop: async () => {
      await app.stop();
      await rm(projectDir, { recursive: true, force: true });
    },
  };
}
