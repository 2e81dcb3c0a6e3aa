import { Readable, Writable, type PassThrough } from 'node:stream';
import { systemClock } from '../base/index.ts';
import type { CliContext } from '../cli/cli-context.ts';

/** A terminal for commands under test: what they print is kept, what they read is given. */
export interface FakeTerminal {
  readonly context: CliContext;
  readonly output: () => string;
  readonly talk: () => string;
  /** Presses Ctrl-C. */
  readonly interrupt: () => void;
}

function collector(): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text };
}

/** Makes one; `input` is piped in, `typed` is a keyboard instead. */
export function createFakeTerminal(options: {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly typed?: PassThrough;
}): FakeTerminal {
  const out = collector();
  const err = collector();
  const controller = new AbortController();
  return {
    context: {
      env: options.env ?? {},
      cwd: options.cwd,
      clock: systemClock,
      stdin:
        options.typed === undefined
          ? Readable.from([options.input ?? ''])
          : Object.assign(options.typed, { isTTY: true }),
      stdout: out.stream,
      stderr: err.stream,
      signal: controller.signal,
    },
    output: out.text,
    talk: err.text,
    interrupt: () => controller.abort(new Error('interrupted')),
  };
}
