import { createColors } from 'picocolors';
import { isJsonObject, type JsonObject } from '../base/index.ts';
import type { ApiClient } from './api-client.ts';
import { isDecorated, type CliContext } from './cli-context.ts';
import { CliError, errorOfAnswer, exitCodes } from './cli-error.ts';
import { applyEvent, runsOf, treeLines, treeOf, type TreeRun } from './run-tree.ts';

const pauseMs = 1000;
const mostTries = 30;

/** Events of a run's tree; taken up again where it was when the connection ends before the run does. */
async function* treeEvents(
  context: CliContext,
  client: ApiClient,
  runId: string,
): AsyncGenerator<JsonObject> {
  const address = `/api/v1/runs/${encodeURIComponent(runId)}/events?tree=true`;
  let cursor = '0';
  for (let tries = 0; ; tries += 1) {
    try {
      const headers = { 'last-event-id': cursor };
      for await (const { id, data } of client.stream('GET', address, { headers })) {
        cursor = id ?? cursor;
        tries = 0;
        if (!isJsonObject(data)) continue;
        yield data;
        const { event } = data;
        if (data['run_id'] === runId && isJsonObject(event) && event['type'] === 'run-end') return;
      }
    } catch (error) {
      const passing = error instanceof CliError && error.exitCode === exitCodes.unreachable;
      if (!passing || tries >= mostTries) throw error;
    }
    if (tries >= mostTries)
      throw new CliError('the server ends the stream again and again', { exitCode: exitCodes.unreachable });
    await context.clock.sleep(pauseMs, { signal: context.signal });
  }
}

/** Redraws lines in place, as many as the terminal has room for. */
class LiveLines {
  readonly #context: CliContext;
  #drawn = 0;

  constructor(context: CliContext) {
    this.#context = context;
  }

  draw(lines: readonly string[]): void {
    const { rows = 24, columns = 80 } = this.#context.stdout as { rows?: number; columns?: number };
    const room = Math.max(2, rows - 1);
    const shown =
      lines.length <= room ? lines : [...lines.slice(0, room - 1), `… and ${lines.length - room + 1} more`];
    const up = this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A`;
    const text = shown.map((line) => `\u001b[2K${line.slice(0, columns - 1)}\n`).join('');
    this.#context.stdout.write(`${up}${text}\u001b[0J`);
    this.#drawn = shown.length;
  }
}

/** Error of a run that did not complete, with the exit code that fits; `undefined` for one that did. */
function failureOfRun(status: string, error: JsonObject | undefined): CliError | undefined {
  if (status === 'completed') return undefined;
  if (error !== undefined)
    return errorOfAnswer(status === 'timeout' ? 504 : 500, { ...error, detail: error['message'] ?? status });
  return new CliError(`the run ended as ${status}`, {
    exitCode: status === 'timeout' ? exitCodes.timeout : exitCodes.failed,
  });
}

/**
 * Shows a run and the runs below it until it ends: a tree that changes in a terminal, else a line for each change. Throws
 * when the run did not complete.
 */
export async function watchRun(context: CliContext, client: ApiClient, runId: string): Promise<void> {
  const live = isDecorated(context, context.stdout) ? new LiveLines(context) : undefined;
  const colors = createColors(live !== undefined);
  const address = `/api/v1/runs/${encodeURIComponent(runId)}/tree`;
  let root: TreeRun = treeOf(await client.call('GET', address));
  let runs = runsOf(root);
  live?.draw(treeLines(root));
  for await (const told of treeEvents(context, client, runId)) {
    const id = typeof told['run_id'] === 'string' ? told['run_id'] : runId;
    if (!runs.has(id)) {
      root = treeOf(await client.call('GET', address), runs);
      runs = runsOf(root);
    }
    const run = runs.get(id);
    const event = isJsonObject(told['event']) ? told['event'] : {};
    if (run === undefined) continue;
    const news = applyEvent(run, event);
    if (news === undefined) continue;
    if (live !== undefined) live.draw(treeLines(root));
    else {
      const at = typeof told['at'] === 'string' ? told['at'] : '';
      context.stdout.write(`${colors.dim(at)}\t${run.name}\t${id}\t${news}\n`);
    }
    if (id === runId && event['type'] === 'run-end') {
      const failure = failureOfRun(run.status, isJsonObject(event['error']) ? event['error'] : undefined);
      if (failure !== undefined) throw failure;
    }
  }
}
