import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { AppError } from '../base/index.ts';
import type { CliServices } from '../cli/cli-services.ts';
import { runCli } from '../cli/run-cli.ts';
import { workflowDefinition } from '../protocol/index.ts';
import { createFakeTerminal } from './fake-terminal.ts';

/** A call of the API. */
interface Call {
  readonly method: string;
  readonly url: string;
  readonly key: string | undefined;
  readonly body: unknown;
}
type Answer = (response: ServerResponse, call: Call) => void;

/** An answer in JSON. */
export const json =
  (status: number, body: unknown): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** An answer in server-sent events. */
export const events =
  (...list: readonly (readonly [name: string, data: unknown])[]): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    list.forEach(([name, data], index) => {
      response.write(`id: ${index + 1}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    });
    response.end();
  };

const agentDefinition = (name: string) => ({ kind: 'Agent' as const, metadata: { name, labels: {} } });
const weekly = workflowDefinition.parse({
  apiVersion: 'agent33/v1',
  kind: 'Workflow',
  metadata: { name: 'weekly' },
  spec: { steps: [{ id: 'a', action: 'transform' }] },
});

/** Everything of the application, played. */
export const cliServices: CliServices = {
  openApp: async ({ config, environment }) => ({
    start: async () => ({
      url: `http://${config.API_HOST}:${config.API_PORT}`,
      newApiKey: undefined,
      model: environment['OLLAMA_DEFAULT_MODEL'] ?? 'none',
      offline: false,
      agents: [config.projectDir],
      teams: [],
      workflows: [],
      schedules: [],
    }),
    stop: async () => {},
  }),
  openWorker: async ({ config }) => ({
    start: async () => ({
      roles: config.AGENT33_QUEUES,
      concurrency: config.AGENT33_CONCURRENCY ?? null,
      url:
        config.AGENT33_WORKER_PORT === undefined
          ? undefined
          : `http://${config.AGENT33_WORKER_HOST}:${config.AGENT33_WORKER_PORT}`,
    }),
    stop: async () => {},
  }),
  openLocalModels: async () => ({
    address: 'http://ollama.test:11434',
    pullModel: async (name, onProgress) => {
      if (name === 'nothing') throw new AppError('not_found', 'There is no model "nothing" to pull: no file');
      for (const completed of [0, 250, 251, 1000])
        onProgress({ status: 'pulling 1', total: 1000, completed });
      onProgress({ status: 'success' });
    },
    close: async () => {},
  }),
  playCassettes: async ({ files, against, update }) => ({
    problems: [],
    results: files.map((file) => ({
      file,
      target: 'agent helper',
      status: file.endsWith('bad.json') ? (update ? 'updated' : 'failed') : 'passed',
      faults: file.endsWith('bad.json') ? [`differs from ${against}`] : [],
      difference: null,
      definitionChanges: [],
    })),
  }),
  loadProject: async (dir) => ({
    drawWorkflow: ({ metadata }, form) => `${metadata.name} as ${form}\n`,
    definitions: [
      { definition: agentDefinition('a'), path: 'agents/a.yaml' },
      { definition: agentDefinition('b'), path: 'agents/b.yaml' },
      { definition: weekly, path: 'workflows/weekly.yaml' },
    ],
    problems: dir.endsWith('faulty')
      ? [{ file: 'agents/a.yaml', line: 3, column: 5, field: 'spec.tools', message: 'expected a list' }]
      : [],
  }),
};

type TerminalOptions = Omit<Parameters<typeof createFakeTerminal>[0], 'cwd'>;

/** A terminal in a folder of its own, and a server whose answers the test writes. `begin` and `end` go around each test. */
export class CliGround {
  /** By method and path, such as `GET /health`; whatever is not there is 404. */
  readonly answers: Record<string, Answer> = {};
  readonly calls: Call[] = [];
  folder = '';
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async open(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
  }

  async begin(): Promise<void> {
    for (const name of Object.keys(this.answers)) delete this.answers[name];
    this.calls.length = 0;
    this.folder = await mkdtemp(path.join(tmpdir(), 'a33-cli-'));
  }

  async end(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Runs a command. */
  async cli(args: readonly string[], options: TerminalOptions = {}) {
    const terminal = this.terminal(options);
    const code = await runCli(args, terminal.context, cliServices);
    return { code, out: terminal.output(), err: terminal.talk() };
  }

  /** The terminal of a command. */
  terminal(options: TerminalOptions = {}) {
    return createFakeTerminal({ cwd: this.folder, env: { AGENT33_URL: this.url }, ...options });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const call: Call = {
      method: request.method ?? '',
      url: request.url ?? '',
      key: request.headers.authorization,
      body: body === '' ? undefined : (JSON.parse(body) as unknown),
    };
    this.calls.push(call);
    const found =
      this.answers[`${call.method} ${call.url}`] ?? json(404, { code: 'not_found', detail: 'not here' });
    found(response, call);
  }
}
