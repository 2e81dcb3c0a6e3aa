import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { tryParseJson } from '../../../src/base/index.ts';
import { ChaosUpstream } from '../../../src/testing/chaos-upstream.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/index.ts';

/** What a client got for one call. */
export interface ClientAnswer {
  readonly question: string;
  readonly stream: boolean;
  readonly status: number;
  readonly text: string;
  /** The error that came in place of the answer or in its middle. */
  readonly error: string | undefined;
  /** A stream that said `[DONE]`, or a whole answer with a reason to have ended. */
  readonly finished: boolean;
  readonly nonces: readonly string[];
  readonly deployment: string | null;
  readonly durationMs: number;
}

/** A server whose group `chat` has these upstreams as deployments. */
export interface ChaosGround {
  readonly app: TestApp;
  readonly upstreams: readonly ChaosUpstream[];
  ask(question: string, options?: { stream?: boolean; signal?: AbortSignal }): Promise<ClientAnswer>;
  post(question: string, options: { stream: boolean; signal?: AbortSignal }): Promise<Response>;
  /** Writes the model list anew, with these upstreams only. */
  rewrite(names: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

interface Chunk {
  readonly error?: { readonly message: string; readonly code?: string };
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string };
    readonly message?: { readonly content?: string };
    readonly finish_reason?: string | null;
  }[];
}

function read(stream: boolean, body: string): Pick<ClientAnswer, 'text' | 'error' | 'finished'> {
  let text = '';
  let error: string | undefined;
  let finished = false;
  const take = (raw: string): void => {
    const chunk = tryParseJson(raw) as Chunk | undefined;
    // Bytes of an upstream are passed on as they are: whoever reads them sees that they are none.
    if (chunk === undefined) error ??= stream ? 'unreadable' : 'no JSON';
    const { error: failure, choices = [] } = chunk ?? {};
    if (failure !== undefined) error = failure.code ?? failure.message;
    text += choices[0]?.delta?.content ?? choices[0]?.message?.content ?? '';
    if (!stream && typeof choices[0]?.finish_reason === 'string') finished = true;
  };
  if (!body.startsWith('data:') && !body.startsWith(':')) take(body);
  else
    for (const event of body.split('\n\n')) {
      const data = event.split('\n').find((line) => line.startsWith('data:'));
      if (data === undefined) continue;
      if (data === 'data: [DONE]') finished = true;
      else take(data.slice(5));
    }
  return { text, error, finished };
}

/** Short, for upstreams that fall silent on purpose. */
const impatient = '{ firstToken: 2s, idle: 2s, total: 20s }';
/** For those that are only slow because the machine is busy. */
export const patient = '{ firstToken: 30s, idle: 30s, total: 60s }';

/** Starts upstreams and a server in front of them. */
export async function openChaosGround(
  names: readonly string[],
  options: {
    readonly kind?: 'openai' | 'ollama';
    readonly models?: string;
    readonly router?: string;
    readonly timeouts?: string;
  } = {},
): Promise<ChaosGround> {
  const {
    kind = 'openai',
    models = '',
    router = 'retries: 3, cooldown: 300ms',
    timeouts = impatient,
  } = options;
  const upstreams = await Promise.all(names.map((name) => ChaosUpstream.start(name, kind)));
  const file = (shown: readonly string[]): string =>
    [
      'apiVersion: agent33/v1',
      'kind: Project',
      'metadata: { name: test }',
      'spec:',
      '  models:',
      '    default: chat',
      ...(models === '' ? [] : [models]),
      `    router: { ${router} }`,
      '    groups:',
      '      chat:',
      ...names.flatMap((name, index) => {
        if (!shown.includes(name)) return [];
        const url = `${upstreams[index]?.url}${kind === 'openai' ? '/v1' : ''}`;
        return [
          `        - { id: ${name}, provider: ${kind}, model: m, apiKey: k, baseUrl: '${url}', timeouts: ${timeouts} }`,
        ];
      }),
      '',
    ].join('\n');
  const app = await createMemoryApp({ files: { 'agent33.yaml': file(names) } });

  const post: ChaosGround['post'] = (question, { stream, signal }) =>
    fetch(new URL('/v1/chat/completions', app.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${app.apiKey}` },
      body: JSON.stringify({ model: 'chat', stream, messages: [{ role: 'user', content: question }] }),
      ...(signal === undefined ? {} : { signal }),
    });

  return {
    app,
    upstreams,
    post,
    async ask(question, { stream = false, signal } = {}) {
      const began = performance.now();
      const response = await post(question, { stream, ...(signal === undefined ? {} : { signal }) });
      const got = read(stream, await response.text());
      return {
        question,
        stream,
        status: response.status,
        ...got,
        nonces: [...got.text.matchAll(/<([^>]+)>/g)].map(([, nonce = '']) => nonce),
        deployment: response.headers.get('x-a33-deployment'),
        durationMs: performance.now() - began,
      };
    },
    rewrite: (shown) => writeFile(path.join(app.projectDir, 'agent33.yaml'), file(shown)),
    async stop() {
      await app.stop();
      await Promise.all(upstreams.map((upstream) => upstream.die()));
    },
  };
}

/** Does something for each number, so many at the same time. */
export async function inParallel<T>(
  count: number,
  width: number,
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) {
        const index = next;
        next += 1;
        results[index] = await work(index);
      }
    }),
  );
  return results;
}
