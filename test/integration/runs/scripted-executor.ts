import { AppError, type Json } from '../../../src/base/index.ts';
import type { RunContext, RunExecutor, RunResult } from '../../../src/engine/runs/index.ts';
import type { Scope } from '../../../src/protocol/index.ts';

/** What a target does. */
export type Script = (context: RunContext) => Promise<RunResult>;

/** A run's result that is a text. */
export const answer = (text: string): RunResult => ({ output: { text }, text, messages: [] });

/** An executor whose targets are functions of the test, by name. */
export class ScriptedExecutor implements RunExecutor {
  readonly scripts = new Map<string, Script>();
  readonly #timeoutMs: number;

  constructor(timeoutMs = 600_000) {
    this.#timeoutMs = timeoutMs;
  }

  snapshot(_scope: Scope, name: string) {
    if (!this.scripts.has(name))
      return Promise.reject(new AppError('not_found', `there is no agent "${name}"`));
    return Promise.resolve({
      hash: `hash-${name}`,
      definition: { name },
      timeoutMs: this.#timeoutMs,
    });
  }

  execute(definition: Json, context: RunContext): Promise<RunResult> {
    const script = this.scripts.get((definition as { name: string }).name);
    if (script === undefined) throw new AppError('not_found', 'gone');
    return script(context);
  }
}
