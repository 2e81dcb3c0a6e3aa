import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { FakeTelegram } from '../../../src/testing/channels.ts';
import { childEnvironment } from '../fixtures/child-environment.ts';
import { shortLived } from '../fixtures/short-lived.ts';

/** What a model is asked: its name, and the conversation. */
export interface ModelQuestion {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** What a model says: a text, or one call of a tool. */
export type ModelSaying = string | { readonly call: string; readonly arguments: object };

type ServerProcess = ChildProcessByStdio<Writable, Readable, null>;

export const adminKey = 'a33_crashkey_0123456789abcdefghijklmnopqrstuvwxyzABCDEF';

/** The world outside of the server under test: its model, the target of its effects, its client. */
export class CrashGround {
  /** Model calls by request text and turn. */
  readonly modelCalls = new Map<string, number>();
  /** Effects by idempotency key. */
  readonly effects = new Map<string, number>();
  /** What the effects were about, in their order, once for each key: as a target does that honours them. */
  readonly notes: string[] = [];
  /** Requests in the order in which their first model call came, by session. */
  readonly order: string[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #root: string;
  /** A copy of the tree keeps what was compiled of it, so that it goes with the copy. */
  readonly #compiled: { readonly NODE_COMPILE_CACHE?: string };
  readonly #think: ((question: ModelQuestion) => ModelSaying) | undefined;
  #outside: Server | undefined;
  #child: ServerProcess | undefined;
  #said: Interface | undefined;
  #restarting: Promise<void> | undefined;
  #projectDir = '';
  url = '';
  /** How often the server has come up. */
  starts = 0;

  /** `root`: the tree whose server is started; this one when left out. */
  constructor(
    options: {
      env?: Readonly<Record<string, string>>;
      root?: string;
      /** Speaks for all models; left out: one call of `effect`, then a text. Calls are counted as `model/messages`. */
      think?: (question: ModelQuestion) => ModelSaying;
    } = {},
  ) {
    this.#env = options.env ?? {};
    this.#think = options.think;
    this.#root = options.root ?? path.join(import.meta.dirname, '../../..');
    this.#compiled =
      options.root === undefined ? {} : { NODE_COMPILE_CACHE: path.join(options.root, '.compiled') };
  }

  /** The project's folder. */
  get projectDir(): string {
    return this.#projectDir;
  }

  /** Makes the project, with a Telegram channel and more files when asked for, and starts the world around the server. */
  async open({
    telegram,
    files = {},
  }: {
    telegram?: FakeTelegram;
    files?: Readonly<Record<string, string>>;
  } = {}): Promise<void> {
    this.#projectDir = await mkdtemp(path.join(tmpdir(), 'agent33-crash-'));
    await mkdir(path.join(this.#projectDir, 'agents'));
    await writeFile(
      path.join(this.#projectDir, 'agents/worker.yaml'),
      'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: worker }\nspec: { model: openai/m, tools: [effect] }\n',
    );
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(this.#projectDir, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    if (telegram !== undefined) {
      await mkdir(path.join(this.#projectDir, 'channels'));
      await writeFile(
        path.join(this.#projectDir, 'channels/telegram.yaml'),
        `apiVersion: agent33/v1\nkind: Channel\nmetadata: { name: telegram }\nspec: { platform: telegram, agent: worker, token: "${telegram.token}", apiBase: "${telegram.apiBase}", pollTimeout: 2s }\n`,
      );
    }
    this.#outside = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        if (request.url === '/effect') {
          if (!this.effects.has(body))
            this.notes.push(decodeURIComponent(String(request.headers['x-note'] ?? '')));
          this.effects.set(body, (this.effects.get(body) ?? 0) + 1);
          response.end('ok');
          return;
        }
        const question = JSON.parse(body) as ModelQuestion;
        const saying = this.#think === undefined ? this.#worker(question) : this.#scripted(question);
        const delta =
          typeof saying === 'string'
            ? { content: saying }
            : {
                tool_calls: [
                  {
                    index: 0,
                    id: `c${question.messages.length}`,
                    type: 'function',
                    function: { name: saying.call, arguments: JSON.stringify(saying.arguments) },
                  },
                ],
              };
        const chunk = { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm' };
        const end = {
          ...chunk,
          choices: [
            { index: 0, delta: {}, finish_reason: typeof saying === 'string' ? 'stop' : 'tool_calls' },
          ],
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
        };
        response.setHeader('content-type', 'text/event-stream');
        response.end(
          `data: ${JSON.stringify({ ...chunk, choices: [{ index: 0, delta: { role: 'assistant', ...delta }, finish_reason: null }] })}\n\ndata: ${JSON.stringify(end)}\n\ndata: [DONE]\n\n`,
        );
      });
    });
    this.#outside.listen(0, '127.0.0.1');
    await once(this.#outside, 'listening');
  }

  #worker({ messages }: ModelQuestion): ModelSaying {
    const user = messages.findLast((message) => message.role === 'user')?.content ?? '';
    const answered = messages.at(-1)?.role === 'tool';
    const key = `${user}/${answered ? 2 : 1}`;
    if (!this.modelCalls.has(key) && !answered) this.order.push(user);
    this.modelCalls.set(key, (this.modelCalls.get(key) ?? 0) + 1);
    return answered ? `answer to ${user}` : { call: 'effect', arguments: {} };
  }

  #scripted(question: ModelQuestion): ModelSaying {
    const key = `${question.model}/${question.messages.filter(({ role }) => role !== 'system').length}`;
    this.modelCalls.set(key, (this.modelCalls.get(key) ?? 0) + 1);
    return this.#think?.(question) ?? '';
  }

  /** Starts the server; resolves with false when it ended before it was ready. */
  async start(): Promise<boolean> {
    const address = this.#outside?.address() as AddressInfo;
    const outside = `http://127.0.0.1:${address.port}`;
    const script = path.join(this.#root, 'test/integration/crash/crash-server.ts');
    const child = spawn(process.execPath, [...shortLived, script, this.#projectDir, `${outside}/effect`], {
      env: {
        ...childEnvironment,
        ...this.#compiled,
        API_PORT: '0',
        OPENAI_API_KEY: 'sk-test',
        OPENAI_BASE_URL: outside,
        AGENT33_BOOTSTRAP_KEY: adminKey,
        EGRESS_ALLOW_PRIVATE: '127.0.0.1',
        ...this.#env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    this.#said = createInterface({ input: child.stdout });
    const line = await this.#nextLine(child);
    if (line === undefined) return false;
    ({ url: this.url } = JSON.parse(line) as { url: string });
    this.starts += 1;
    return true;
  }

  /** Lets the server, which is started if there is none, end by `kill -9` when it comes by a failpoint. */
  async endAt(failpoint: string): Promise<void> {
    if (!this.#isRunning && !(await this.start())) throw new Error('the server did not start');
    const child = this.#child;
    child?.stdin.write(`${failpoint}\n`);
    if (child === undefined || (await this.#nextLine(child)) === undefined)
      throw new Error('the server ended too early');
  }

  /** Sends the request until it is answered, starting the server again whenever it has gone. */
  async untilAnswered(text: string, session: string): Promise<string> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const answer = await this.submit(text, session);
      if (answer !== undefined) return answer;
      await this.restart();
    }
    throw new Error(`"${text}" was never answered`);
  }

  /** Ends the server if it still runs and starts it again, once for all who ask at the same time. */
  restart(): Promise<void> {
    this.#restarting ??= (async () => {
      await this.ended({ kill: true });
      if (!(await this.start())) throw new Error('the server did not come up again');
    })().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  get #isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** What the server says next; `undefined` when it ends. */
  async #nextLine(child: ServerProcess): Promise<string | undefined> {
    const over = new AbortController();
    const { signal } = over;
    const said = this.#said === undefined ? [] : once(this.#said, 'line', { signal });
    const ended = once(child, 'exit', { signal }).then(() => []);
    try {
      const [line] = (await Promise.race([said, ended])) as [string?];
      return line;
    } finally {
      over.abort();
    }
  }

  /** Resolves when the server has ended, by itself or by `kill -9` now. */
  async ended(options: { kill: boolean }): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.#isRunning) return;
    const exit = once(child, 'exit');
    if (options.kill) child.kill('SIGKILL');
    await exit;
  }

  /** Sends a request; `undefined` when the server went away before it acknowledged it. */
  async submit(text: string, session: string): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.url}/api/v1/agents/worker/execute`, {
        method: 'POST',
        headers: { 'x-api-key': adminKey, 'content-type': 'application/json', 'idempotency-key': text },
        body: JSON.stringify({ input: text, session_id: session }),
        signal: AbortSignal.timeout(30_000),
      });
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
      return ((await response.json()) as { response: string }).response;
    } catch (error) {
      if (error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError'))
        return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.ended({ kill: true });
    this.#outside?.close();
    await rm(this.#projectDir, { recursive: true, force: true });
  }
}
