import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../base/index.ts';

/** What a command may touch of the world around it; tests bring their own. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Data goes here and nothing else. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Talk goes here. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly output?: string;
  readonly json?: boolean;
  readonly url?: string;
  readonly apiKey?: string;
  readonly dir?: string;
}

/** Are colours and moving text welcome? Not without a terminal, with NO_COLOR, or in CI. */
export function isDecorated(context: CliContext, stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && !context.env['NO_COLOR'] && !context.env['CI'];
}

/** Tells the user something beside the data. */
export function say(context: CliContext, text: string): void {
  context.stderr.write(`${text}\n`);
}
