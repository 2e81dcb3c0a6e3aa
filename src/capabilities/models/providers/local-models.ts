import { AppError, isJsonObject, type Clock, type Json } from '../../../base/index.ts';
import { boundsOf, type CallBounds } from './bounded-call.ts';
import { connectingFetch } from './connecting-fetch.ts';
import { shownAddress, statusError, toProviderError, type Upstream } from './provider-error.ts';
import { readNdjson } from './read-ndjson.ts';

/** How far the download of a model is. */
export interface PullProgress {
  /** `pulling manifest`, `downloading`, `verifying sha256 digest`, `success`, in the server's words. */
  readonly status: string;
  /** The layer it speaks of. */
  readonly digest?: string;
  /** Bytes. */
  readonly total?: number;
  readonly completed?: number;
}

/** A local server that holds models as files. */
export interface LocalModels {
  /**
   * Downloads a model. Errors: `not_found` for an unknown name, `model_unavailable` when the server is down,
   * `upstream_error` with the server's words, `timeout` after a minute without progress.
   */
  pullModel(
    name: string,
    onProgress: (progress: PullProgress) => void,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
}

const longestPullMs = 24 * 3_600_000;
const longestSilenceMs = 60_000;

function readProgress(line: Json, upstream: Upstream, name: string): PullProgress {
  if (!isJsonObject(line)) throw new SyntaxError('a line of the answer is no object');
  const { error, status, digest, total, completed } = line;
  if (typeof error === 'string') {
    const unknown = /file does not exist|not found|manifest unknown/i.test(error);
    throw new AppError(
      unknown ? 'not_found' : 'upstream_error',
      unknown
        ? `There is no model "${name}" to pull: ${error}`
        : `${upstream.label} at ${upstream.address} could not pull "${name}": ${error}`,
    );
  }
  return {
    status: typeof status === 'string' ? status : '',
    ...(typeof digest === 'string' ? { digest } : {}),
    ...(typeof total === 'number' ? { total } : {}),
    ...(typeof completed === 'number' ? { completed } : {}),
  };
}

/** The models of an Ollama server as files. */
export function createLocalModels(deps: {
  readonly baseUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}): LocalModels {
  const { clock } = deps;
  const root = shownAddress(deps.baseUrl).replace(/\/(?:v1|api)$/, '');
  const upstream: Upstream = { label: 'Ollama', address: root, keyHint: 'Check its proxy.' };
  const fetch = connectingFetch(deps.fetch);
  const bounds: CallBounds = { upstream, clock, timeoutMs: longestPullMs, idleTimeoutMs: longestSilenceMs };
  return {
    async pullModel(name, onProgress, options) {
      const limits = boundsOf(bounds, options.signal);
      let begun = false;
      try {
        const response = await limits.race(
          fetch(`${root}/api/pull`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ model: name, stream: true }),
            signal: limits.signal,
          }),
        );
        if (!response.ok || response.body === null) {
          const body = await limits.race(response.text());
          const answer = { status: response.status, headers: Object.fromEntries(response.headers), body };
          throw statusError(upstream, answer, clock.now());
        }
        begun = true;
        let last = '';
        for await (const line of readNdjson(response.body, limits)) {
          const progress = readProgress(line, upstream, name);
          last = progress.status;
          onProgress(progress);
        }
        if (last !== 'success')
          throw new AppError('upstream_error', `Ollama at ${root} cut the download of "${name}" off.`);
      } catch (error) {
        if (limits.signal.aborted) throw limits.signal.reason;
        if (error instanceof AppError && (error.code === 'not_found' || error.code === 'upstream_error'))
          throw error;
        throw toProviderError(upstream, error, { nowMs: clock.now(), begun });
      } finally {
        limits.close();
      }
    },
  };
}
