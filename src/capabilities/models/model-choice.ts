import type { Clock, Logger } from '../../base/index.ts';
import { createOllamaProvider } from './providers/ollama-provider.ts';
import { answersAsOllama, modelsOfOllama } from './providers/probe-ollama.ts';
import type { ProviderDirectory } from './provider-directory.ts';

interface ModelChoiceDeps {
  readonly directory: ProviderDirectory;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeoutMs: number;
  /** The project's own choice; stands above everything found. */
  readonly fixedDefault: () => string | undefined;
  /** `OLLAMA_BASE_URL`, if set. */
  readonly ollamaUrl: string | undefined;
  /** Tried when no address is set. */
  readonly localOllamaUrl: string;
  readonly ollamaModel: string;
  /** Default models of the providers that have a key or an address, in order of preference. */
  readonly keyedDefaults: readonly string[];
  readonly offlineDefault: string;
}

const askAgainMs = 30_000;

/** Which model answers when none is named: decided at start, and moved when a model appears where there was none. */
export class ModelChoice {
  readonly #deps: ModelChoiceDeps;
  #found: string;
  #stopAsking: (() => void) | undefined;
  #asking = false;
  #started = false;

  constructor(deps: ModelChoiceDeps) {
    this.#deps = deps;
    const { ollamaUrl, ollamaModel, keyedDefaults, offlineDefault } = deps;
    this.#found = keyedDefaults[0] ?? (ollamaUrl === undefined ? offlineDefault : `ollama/${ollamaModel}`);
  }

  /** What is used when nothing is named: the project's choice as it wrote it, else `provider/model` as found. */
  get model(): string {
    return this.#deps.fixedDefault() ?? this.#found;
  }

  /** Who gets the model names that no rule covers. */
  get provider(): string {
    const chosen = this.#deps.fixedDefault()?.split('/')[0] ?? '';
    if (this.#deps.directory.get(chosen) !== undefined) return chosen;
    return this.#found.split('/')[0] ?? '';
  }

  async start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    const { ollamaUrl, ollamaModel, directory, logger } = this.#deps;
    if (ollamaUrl === undefined) await this.#lookForLocal();
    else if (await answersAsOllama(this.#deps, ollamaUrl)) {
      directory.note('ollama', 'ok');
      this.#found = `ollama/${ollamaModel}`;
    } else {
      directory.note('ollama', 'down', `Ollama does not answer at ${new URL(ollamaUrl).origin}.`);
      logger.warn({ address: new URL(ollamaUrl).origin }, 'the configured Ollama does not answer');
    }
    logger.info({ model: this.model }, 'default model chosen');
    if (this.#isOffline) this.#askAgain();
  }

  stop(): void {
    this.#stopAsking?.();
    this.#stopAsking = undefined;
    this.#started = false;
  }

  get #isOffline(): boolean {
    return this.#found === this.#deps.offlineDefault;
  }

  #askAgain(): void {
    this.#stopAsking = this.#deps.clock.every(askAgainMs, () => {
      if (this.#asking) return;
      this.#asking = true;
      void this.#lookForLocal().finally(() => {
        this.#asking = false;
      });
    });
  }

  /** Registers a local Ollama that answers and has a model, and makes it the default where nothing else was chosen. */
  async #lookForLocal(): Promise<void> {
    const { directory, localOllamaUrl, fetch, clock, logger, timeoutMs, ollamaModel } = this.#deps;
    if (!(await answersAsOllama(this.#deps, localOllamaUrl))) return;
    const models = await modelsOfOllama(this.#deps, localOllamaUrl);
    // Ollama without a model cannot answer; it counts once something was pulled.
    if (models.length === 0 || !this.#started) return;
    if (directory.get('ollama') === undefined) {
      directory.register(createOllamaProvider({ baseUrl: localOllamaUrl, fetch, clock, timeoutMs }));
    }
    directory.note('ollama', 'ok');
    const wanted = models.find((name) => name === ollamaModel || name === `${ollamaModel}:latest`);
    this.#found = `ollama/${wanted === undefined ? (models[0] ?? ollamaModel) : ollamaModel}`;
    if (this.#stopAsking !== undefined) {
      this.#stopAsking();
      this.#stopAsking = undefined;
      logger.info({ model: this.#found }, 'a language model has appeared');
    }
  }
}
