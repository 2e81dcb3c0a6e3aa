import { AppError } from '../base/index.ts';
import type { ForkRequest, RunHistory } from '../engine/runs/index.ts';
import { cassetteFormat, noUsage, type RunRecording, type Scope } from '../protocol/index.ts';

const usage = { input_tokens: 0, output_tokens: 0, cost_usd: null };
const at = '2026-01-01T00:00:00.000Z';

function recordingOf(id: string): RunRecording {
  return {
    run: {
      id,
      target: { kind: 'agent', name: 'helper' },
      definition_hash: 'hash',
      definition: {},
      input: { message: 'hello' },
      created_at: at,
      source: 'http',
      principal: 'key',
      scopes: [],
      effects: 'on',
      session_id: null,
      history: [],
      depth: 0,
    },
    steps: [],
    children: {},
    ending: { status: 'completed', output: { text: 'hi' }, error: null, usage },
  };
}

/** A `RunHistory` that knows `run_1` and remembers what it was asked. */
export class FakeRunHistory implements RunHistory {
  readonly forks: (ForkRequest & { readonly runId: string })[] = [];
  readonly asked: string[] = [];

  async recording(_scope: Scope, runId: string) {
    await this.#known('recording', runId);
    return recordingOf(runId);
  }

  async cassette(_scope: Scope, runId: string, { pii }: { readonly pii: boolean }) {
    await this.#known('cassette', runId);
    return { format: cassetteFormat, version: '1.2.3', redaction: { pii }, ...recordingOf(runId) } as const;
  }

  async replay(_scope: Scope, runId: string, { against }: { readonly against: 'recorded' | 'current' }) {
    await this.#known('replay', runId);
    return { runId, against, identical: true, steps: 1, difference: null, definitionChanges: [] };
  }

  async fork(_scope: Scope, runId: string, request: ForkRequest) {
    await this.#known('fork', runId);
    this.forks.push({ ...request, runId });
    return { runId: 'run_2', requestId: 'req_2', sessionId: null, duplicate: false };
  }

  async resume(_scope: Scope, runId: string) {
    await this.#known('resume', runId);
    return { runId: 'run_2', requestId: 'req_2', sessionId: null, duplicate: false };
  }

  async retry(_scope: Scope, runId: string) {
    await this.#known('retry', runId);
    return { runId: 'run_2', requestId: 'req_2', sessionId: null, duplicate: false };
  }

  async diff(_scope: Scope, runA: string, runB: string) {
    await this.#known('diff', runA);
    const side = (id: string) => ({
      id,
      target: { kind: 'agent' as const, name: 'helper' },
      definition_hash: 'hash',
      status: 'completed' as const,
      usage: { input_tokens: noUsage.inputTokens, output_tokens: noUsage.outputTokens, cost_usd: null },
      steps: 0,
      step_ms: 0,
    });
    return { a: side(runA), b: side(runB), definition: [], input: [], output: [], steps: [] };
  }

  #known(verb: string, runId: string): Promise<void> {
    this.asked.push(`${verb} ${runId}`);
    return runId === 'run_1'
      ? Promise.resolve()
      : Promise.reject(new AppError('not_found', `there is no run "${runId}"`));
  }
}
