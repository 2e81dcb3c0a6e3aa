import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { CommandLine, untilSaid } from '../cli/command-line.ts';
import { createTestDatabase, type TestDatabase } from '../../../src/testing/test-database.ts';

const adminKey = 'a33_workers_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

const agent = (tools: string): string =>
  `apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: helper }\nspec: { model: openai/m, tools: ${tools} }\n`;

const effectTool = (url: string): string => `import { defineTool, ToolResult, z } from 'agent33';
export default defineTool({
  name: 'effect',
  description: 'Does something outside.',
  parameters: z.strictObject({}),
  effect: 'keyed',
  execute: async (_parameters, context) => {
    await fetch('${url}', { method: 'POST', body: context.idempotencyKey });
    return ToolResult.ok('done');
  },
});
`;

/** Servers and workers of one project on one PostgreSQL, as an operator runs them, and the world around them. */
export class WorkerGround {
  /** Model calls by `request/turn`. */
  readonly modelCalls = new Map<string, number>();
  /** Effects by idempotency key. */
  readonly effects = new Map<string, number>();
  /** Requests in the order in which their first model call came. */
  readonly order: string[] = [];
  /** Every model call waits for it. */
  hold: Promise<void> = Promise.resolve();
  /** Model calls that wait now. */
  held = 0;
  url = '';
  readonly #children = new Set<ChildProcess>();
  readonly #database: TestDatabase;
  readonly #outside: Server;
  readonly folder: string;
  readonly shell: CommandLine;

  private constructor(parts: { database: TestDatabase; folder: string; outside: Server }) {
    this.#database = parts.database;
    this.folder = parts.folder;
    this.#outside = parts.outside;
    const { port } = parts.outside.address() as AddressInfo;
    this.shell = new CommandLine(parts.folder, {
      DATABASE_URL: parts.database.url,
      AGENT33_BOOTSTRAP_KEY: adminKey,
      AGENT33_API_KEY: adminKey,
      OPENAI_API_KEY: 'sk-test',
      OPENAI_BASE_URL: `http://127.0.0.1:${port}`,
      EGRESS_ALLOW_PRIVATE: '127.0.0.1',
      API_LOG_LEVEL: 'warn',
    });
  }

  static async open(options: {
    tool: boolean;
    files?: Readonly<Record<string, string>>;
  }): Promise<WorkerGround> {
    const folder = await mkdtemp(path.join(tmpdir(), 'agent33-workers-'));
    let ground: WorkerGround | undefined;
    const outside = createServer((request, response) => void ground?.answer(request, response));
    outside.listen(0, '127.0.0.1');
    await once(outside, 'listening');
    const { port } = outside.address() as AddressInfo;
    const files = {
      'agents/helper.yaml': agent(options.tool ? '[effect]' : '[]'),
      ...(options.tool ? { 'tools/effect.ts': effectTool(`http://127.0.0.1:${port}/effect`) } : {}),
      ...options.files,
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), content);
    }
    ground = new WorkerGround({ database: await createTestDatabase(), folder, outside });
    return ground;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (request.url === '/effect') {
      this.effects.set(body, (this.effects.get(body) ?? 0) + 1);
      response.end('ok');
      return;
    }
    const { messages, tools } = JSON.parse(body) as {
      messages: { role: string; content: string }[];
      tools?: unknown[];
    };
    const user = messages.findLast((message) => message.role === 'user')?.content ?? '';
    const answered = messages.at(-1)?.role === 'tool' || tools === undefined;
    const turn = messages.at(-1)?.role === 'tool' ? 2 : 1;
    const key = `${user}/${turn}`;
    if (turn === 1 && !this.modelCalls.has(key)) this.order.push(user);
    this.modelCalls.set(key, (this.modelCalls.get(key) ?? 0) + 1);
    this.held += 1;
    await this.hold;
    this.held -= 1;
    const delta = answered
      ? { content: `answer to ${user}` }
      : {
          tool_calls: [
            { index: 0, id: 'c1', type: 'function', function: { name: 'effect', arguments: '{}' } },
          ],
        };
    const chunk = { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm' };
    const first = {
      ...chunk,
      choices: [{ index: 0, delta: { role: 'assistant', ...delta }, finish_reason: null }],
    };
    const last = {
      ...chunk,
      choices: [{ index: 0, delta: {}, finish_reason: answered ? 'stop' : 'tool_calls' }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    };
    response.setHeader('content-type', 'text/event-stream');
    response.end(`data: ${JSON.stringify(first)}\n\ndata: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`);
  }

  /** Starts `agent33 serve …`. */
  async serve(...args: readonly string[]): Promise<ChildProcess> {
    const child = this.#spawn('serve', '--port', '0', ...args);
    const banner = await untilSaid(child, /curl /);
    this.url = /address\s+(\S+)/.exec(banner)?.[1] ?? '';
    return child;
  }

  /** Starts `agent33 worker …`. */
  async worker(...args: readonly string[]): Promise<{ child: ChildProcess; banner: string }> {
    const child = this.#spawn('worker', ...args);
    return { child, banner: await untilSaid(child, /worker.* is ready[\s\S]*queues.*\n/) };
  }

  /** Ends a process and gives its exit code; `null` for one that was killed. */
  async end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exit = once(child, 'exit') as Promise<[number | null]>;
    child.kill(signal);
    return (await exit)[0];
  }

  request(method: string, address: string, body?: object, headers: Record<string, string> = {}) {
    return fetch(new URL(address, this.url), {
      method,
      headers: {
        'x-api-key': adminKey,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Resolves when the request has been accepted, with a promise of its answer. */
  async submit(message: string, session: string): Promise<{ answer: Promise<string> }> {
    const response = await this.request(
      'POST',
      '/api/v1/agents/helper/execute',
      { input: message, session_id: session, stream: true },
      { 'idempotency-key': message },
    );
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    const answer = response.text().then((events) => {
      const done = /event: done\ndata: (.*)/.exec(events)?.[1];
      if (done === undefined) throw new Error(`no answer to ${message}: ${events.slice(-500)}`);
      return (JSON.parse(done) as { response: string }).response;
    });
    return { answer };
  }

  #spawn(...args: readonly string[]): ChildProcess {
    const child = this.shell.spawn(...args);
    child.stdout?.resume();
    this.#children.add(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.end(child, 'SIGKILL')));
    this.#outside.close();
    await this.#database.drop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
