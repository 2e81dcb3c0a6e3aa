import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { FakeTelegram } from '../../../src/testing/channels.ts';

export const adminKey = 'a33_crashkey_0123456789abcdefghijklmnopqrstuvwxyzABCDEF';

/** The world outside of the server under test: its model, the target of its effects, its client. */
export class CrashGround {
  /** Model calls by request text and turn. */
  readonly modelCalls = new Map<string, number>();
  /** Effects by idempotency key. */
  readonly effects = new Map<string, number>();
  /** Requests in the order in which their first model call came, by session. */
  readonly order: string[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #root: string;
  #outside: Server | undefined;
  #child: ChildProcess | undefined;
  #restarting: Promise<void> | undefined;
  #projectDir = '';
  url = '';

  /** `root`: the tree whose server is started; this one when left out. */
  constructor(options: { env?: Readonly<Record<string, string>>; root?: string } = {}) {
    this.#env = options.env ?? {};
    this.#root = options.root ?? path.join(import.meta.dirname, '../../..');
  }

  /** Makes the project, with a Telegram channel when asked for, and starts the world around the server. */
  async open(telegram?: FakeTelegram): Promise<void> {
    this.#projectDir = await mkdtemp(path.join(tmpdir(), 'agent33-crash-'));
    await mkdir(path.join(this.#projectDir, 'agents'));
    await writeFile(
      path.join(this.#projectDir, 'agents/worker.yaml'),
      'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: worker }\nspec: { model: openai/m, tools: [effect] }\n',
    );
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
          this.effects.set(body, (this.effects.get(body) ?? 0) + 1);
          response.end('ok');
          return;
        }
        const { messages } = JSON.parse(body) as { messages: { role: string; content: string }[] };
        const user = messages.findLast((message) => message.role === 'user')?.content ?? '';
        const answered = messages.at(-1)?.role === 'tool';
        const key = `${user}/${answered ? 2 : 1}`;
        if (!this.modelCalls.has(key) && !answered) this.order.push(user);
        this.modelCalls.set(key, (this.modelCalls.get(key) ?? 0) + 1);
        const delta = answered
          ? { content: `answer to ${user}` }
          : {
              tool_calls: [
                { index: 0, id: 'c1', type: 'function', function: { name: 'effect', arguments: '{}' } },
              ],
            };
        const chunk = { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm' };
        const end = {
          ...chunk,
          choices: [{ index: 0, delta: {}, finish_reason: answered ? 'stop' : 'tool_calls' }],
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

  /** Starts the server; resolves with false when it ended (at a failpoint) before it was ready. */
  async start(failpoint = '', nth = 1): Promise<boolean> {
    const address = this.#outside?.address() as AddressInfo;
    const outside = `http://127.0.0.1:${address.port}`;
    const script = path.join(this.#root, 'test/integration/crash/crash-server.ts');
    const child = spawn(
      process.execPath,
      [script, this.#projectDir, `${outside}/effect`, failpoint, String(nth)],
      {
        env: {
          PATH: process.env['PATH'],
          API_PORT: '0',
          OPENAI_API_KEY: 'sk-test',
          OPENAI_BASE_URL: outside,
          AGENT33_BOOTSTRAP_KEY: adminKey,
          EGRESS_ALLOW_PRIVATE: '127.0.0.1',
          ...this.#env,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.#child = child;
    const ready = new Promise<string>((resolve) =>
      createInterface({ input: child.stdout }).once('line', resolve),
    );
    const line = await Promise.race([ready, once(child, 'exit').then(() => undefined)]);
    if (line === undefined) return false;
    ({ url: this.url } = JSON.parse(line) as { url: string });
    return true;
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

  /** Resolves when the server has ended, by itself or by `kill -9` now. */
  async ended(options: { kill: boolean }): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
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
