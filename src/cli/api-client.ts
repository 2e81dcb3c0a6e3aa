import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { createParser } from 'eventsource-parser';
import {
  isJsonObject,
  tryParseJson,
  withDeadline,
  type Clock,
  type Json,
  type JsonObject,
} from '../base/index.ts';
import { CliError, errorOfAnswer, exitCodes } from './cli-error.ts';

/** One server-sent event, its data parsed. */
export interface ServerEvent {
  readonly name: string;
  readonly id: string | undefined;
  readonly data: Json;
}

interface CallOptions {
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Statuses beyond 2xx whose body is an answer and no error. */
  readonly accept?: readonly number[];
}

/** The server as commands see it. Errors are `CliError`s with the exit code that fits. */
export interface ApiClient {
  readonly url: string;
  call(method: string, path: string, options?: CallOptions): Promise<Json>;
  /** Events until the server ends the stream. */
  stream(method: string, path: string, options?: CallOptions): AsyncGenerator<ServerEvent>;
}

interface ApiClientDeps {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const callTimeoutMs = 30_000;
/** The server sends a comment every 15 s, so a longer silence means that it is gone. */
const silenceMs = 60_000;

function unreachable(url: string, cause: Error): CliError {
  const code = (cause as NodeJS.ErrnoException).code ?? cause.message;
  return new CliError(`no server answers at ${url} (${code})`, {
    exitCode: exitCodes.unreachable,
    hint: 'start one with `agent33 serve`, or name another with --url or AGENT33_URL',
    problem: { code: 'unreachable' },
  });
}

async function textOf(message: IncomingMessage): Promise<string> {
  message.setEncoding('utf8');
  let text = '';
  for await (const chunk of message) text += chunk as string;
  return text;
}

/** A client on Node's own HTTP: commands start quickly and reach only the server that the user named. */
export function createApiClient(deps: ApiClientDeps): ApiClient {
  const { clock, url } = deps;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CliError(`"${url}" is no server address; expected one like http://127.0.0.1:8000`, {
      exitCode: exitCodes.usage,
    });
  }

  const open = (
    method: string,
    path: string,
    options: CallOptions,
    signal: AbortSignal,
  ): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const target = new URL(url.replace(/\/$/, '') + path);
      const body = options.body === undefined ? undefined : JSON.stringify(options.body);
      const send = target.protocol === 'https:' ? requestHttps : requestHttp;
      const outgoing = send(target, {
        method,
        signal,
        headers: {
          ...(deps.apiKey === undefined ? {} : { authorization: `Bearer ${deps.apiKey}` }),
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          ...options.headers,
        },
      });
      outgoing.once('response', resolve);
      outgoing.once('error', (error) => reject(deps.signal.aborted ? error : unreachable(url, error)));
      outgoing.end(body);
    });

  const failIfRefused = async (answer: IncomingMessage, accept: readonly number[] = []): Promise<void> => {
    const status = answer.statusCode ?? 0;
    if ((status >= 200 && status < 300) || accept.includes(status)) return;
    const parsed = tryParseJson(await textOf(answer));
    throw errorOfAnswer(status, isJsonObject(parsed) ? parsed : ({} satisfies JsonObject));
  };

  const timedOut = (method: string, path: string, ms: number): CliError =>
    new CliError(`${method} ${path} was not answered within ${ms / 1000} s`, { exitCode: exitCodes.timeout });

  return {
    url,
    async call(method, path, options = {}) {
      const timeoutMs = options.timeoutMs ?? callTimeoutMs;
      const { signal, clear } = withDeadline(clock, timeoutMs, deps.signal);
      try {
        const answer = await open(method, path, options, signal);
        await failIfRefused(answer, options.accept);
        const text = await textOf(answer);
        if (text === '') return null;
        const body = tryParseJson(text);
        if (body !== undefined) return body;
        throw new CliError(`${url} does not answer like an Agent33 server`, { exitCode: exitCodes.failed });
      } catch (error) {
        if (signal.aborted && !deps.signal.aborted) throw timedOut(method, path, timeoutMs);
        throw error;
      } finally {
        clear();
      }
    },
    async *stream(method, path, options = {}) {
      const silence = new AbortController();
      const signal = AbortSignal.any([deps.signal, silence.signal]);
      const startTimer = (): (() => void) => clock.after(silenceMs, () => silence.abort());
      let stopTimer = startTimer();
      const events: ServerEvent[] = [];
      const parser = createParser({
        onEvent: (event) => {
          events.push({
            name: event.event ?? 'message',
            id: event.id,
            data: tryParseJson(event.data) ?? event.data,
          });
        },
      });
      try {
        const answer = await open(
          method,
          path,
          { ...options, headers: { accept: 'text/event-stream', ...options.headers } },
          signal,
        );
        await failIfRefused(answer);
        answer.setEncoding('utf8');
        for await (const chunk of answer) {
          stopTimer();
          stopTimer = startTimer();
          parser.feed(chunk as string);
          yield* events.splice(0);
        }
      } catch (error) {
        if (silence.signal.aborted) throw timedOut(method, path, silenceMs);
        if (error instanceof CliError || deps.signal.aborted) throw error;
        throw new CliError(`the connection to ${url} broke: ${(error as Error).message}`, {
          exitCode: exitCodes.unreachable,
          hint: 'the run goes on; see `agent33 runs list`',
        });
      } finally {
        stopTimer();
      }
    },
  };
}
