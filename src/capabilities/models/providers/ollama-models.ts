import { isJsonObject, type Clock, type Json } from '../../../base/index.ts';
import { fetchJson } from './fetch-json.ts';
import type { Upstream } from './provider-error.ts';
import type { ModelInfo } from '../provider.ts';

/** What an Ollama server says about one of its models. */
export interface OllamaModel {
  readonly contextLength?: number;
  /** `completion`, `tools`, `vision`, `thinking`, `embedding`, `insert`. */
  readonly capabilities?: readonly string[];
}

interface ModelsDeps {
  readonly root: string;
  readonly upstream: Upstream;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

interface Known {
  readonly model: OllamaModel;
  readonly atMs: number;
}

/** A model that was pulled again may have another size. */
const knownForMs = 10 * 60_000;
const mostKnown = 500;
/** So many `/api/show` side by side when models are listed. */
const sideBySide = 4;

function readModel(body: Json): OllamaModel {
  if (!isJsonObject(body)) return {};
  const info = isJsonObject(body['model_info']) ? body['model_info'] : {};
  const length = Object.entries(info).find(([name]) => name.endsWith('.context_length'))?.[1];
  const { capabilities } = body;
  return {
    ...(typeof length === 'number' && length > 0 ? { contextLength: length } : {}),
    ...(Array.isArray(capabilities)
      ? { capabilities: (capabilities as readonly Json[]).filter((one) => typeof one === 'string') }
      : {}),
  };
}

/** What is known of the models of one Ollama server; asked once in a while. */
export class OllamaModels {
  readonly #deps: ModelsDeps;
  readonly #known = new Map<string, Known>();

  constructor(deps: ModelsDeps) {
    this.#deps = deps;
  }

  /** From `POST /api/show`; empty where the server does not say. Rejects as `fetch` does, or with the port's errors. */
  async show(model: string, signal: AbortSignal): Promise<OllamaModel> {
    const { clock, root } = this.#deps;
    const known = this.#known.get(model);
    if (known !== undefined && clock.now() - known.atMs < knownForMs) return known.model;
    const read = readModel(
      await fetchJson({
        ...this.#deps,
        url: `${root}/api/show`,
        body: { model },
        signal,
        nowMs: clock.now(),
      }),
    );
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.set(model, { model: read, atMs: clock.now() });
    return read;
  }

  /** The same, but empty when the server fails: for those who can do without. */
  async tryShow(model: string, signal: AbortSignal): Promise<OllamaModel> {
    try {
      return await this.show(model, signal);
    } catch {
      // Who needs the model hears of the failure from the call itself.
      return {};
    }
  }

  /** Forgets a model whose file has changed. */
  forget(model: string): void {
    this.#known.delete(model);
  }

  /** Every model of the server, with its size and abilities. */
  async list(provider: string, signal: AbortSignal): Promise<readonly ModelInfo[]> {
    const { clock, root } = this.#deps;
    const body = await fetchJson({ ...this.#deps, url: `${root}/api/tags`, signal, nowMs: clock.now() });
    const list = isJsonObject(body) ? body['models'] : undefined;
    if (!Array.isArray(list)) throw new SyntaxError('no list of models');
    const names = (list as unknown[]).filter(isJsonObject).flatMap((model) => {
      const id = model['name'] ?? model['model'];
      return typeof id === 'string' ? [id] : [];
    });
    const found: ModelInfo[] = [];
    for (let start = 0; start < names.length; start += sideBySide) {
      const some = names.slice(start, start + sideBySide);
      found.push(
        ...(await Promise.all(
          some.map(async (id): Promise<ModelInfo> => {
            const { contextLength, capabilities } = await this.tryShow(id, signal);
            return {
              id,
              provider,
              ...(contextLength === undefined ? {} : { contextWindow: contextLength }),
              ...(capabilities === undefined ? {} : { capabilities }),
            };
          }),
        )),
      );
    }
    return found;
  }
}
