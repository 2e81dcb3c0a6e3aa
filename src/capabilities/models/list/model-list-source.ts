import { canonicalJson, type Clock, type Logger, type Service } from '../../../base/index.ts';
import { priceOf, type ModelPrice } from '../../accounting/index.ts';
import type { ModelList } from '../router/deployment.ts';
import {
  createModelList,
  createModelListMemory,
  type BuiltModelList,
  type ModelListDeps,
} from './create-model-list.ts';
import { fingerprintOf } from './fingerprint.ts';
import { readLiteLlm, type ReadLiteLlm } from './litellm/read-litellm.ts';
import type { ModelListFault } from './location.ts';
import { partOfDefinition, type ModelDefinition } from './model-list-part.ts';
import { routerSettings } from './router-settings.ts';
import { FileWatch } from './watch-files.ts';

/** What a project says about models. */
export interface ModelSources {
  /** `agent33.yaml` and the files of `models/`, in this order. */
  readonly definitions: readonly ModelDefinition[];
  /** The LiteLLM configuration, relative to the project, with where it is named. */
  readonly litellm: string | undefined;
  /** Prices of the project by model or `provider/model`; they stand before the table. */
  readonly prices?: Readonly<Record<string, ModelPrice>>;
}

/**
 * The model list of a process, kept up to date. A change that has faults leaves the last good list in place; calls under
 * way keep the list, and the deployments, that they began with.
 */
export interface ModelListSource extends Service {
  current(): ModelList;
  /** Takes over what a project says now; settles when it is in force or refused. Never rejects. */
  apply(sources: ModelSources): Promise<void>;
  /** What is wrong with what was read last; empty when all of it is in force. */
  faults(): readonly ModelListFault[];
  /** `host:port` of every address that the present list names; an egress policy has to let them through. */
  hosts(): readonly string[];
  /** Called after each change that was taken over; the returned function takes that back. */
  onChange(listener: (list: ModelList) => void): () => void;
}

export interface ModelListSourceDeps extends ModelListDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Folder of the project. */
  readonly dir: string;
}

const settleMs = 150;
/** Secrets may change in their store without anybody telling. */
const secretsMs = 300_000;

/** A list without anything in it: every name is left to prefix rules and the default provider. */
export function emptyModelList(timeoutMs: number): ModelList {
  return {
    groups: new Map(),
    aliases: new Map(),
    deployments: new Map(),
    settings: routerSettings({}, { timeoutMs, preCallChecks: true }),
    notes: [],
  };
}

/** Reads everything once, as the server and `agent33 validate` do. Never rejects. */
export async function readModelList(
  sources: ModelSources,
  deps: ModelListDeps & { readonly dir: string },
  memory = createModelListMemory(deps),
): Promise<BuiltModelList & { readonly files: readonly string[] }> {
  const { dir, environment } = deps;
  const foreign: ReadLiteLlm | undefined =
    sources.litellm === undefined
      ? undefined
      : await readLiteLlm({ dir, file: sources.litellm, environment, registered: deps.providers?.() ?? [] });
  const parts = sources.definitions.map(partOfDefinition);
  const { prices = {} } = sources;
  const built = await createModelList(
    foreign === undefined ? parts : [...parts, foreign.part],
    { priceOf: (provider, model) => priceOf(provider, model, prices), ...deps },
    memory,
  );
  return {
    ...built,
    faults: [...(foreign?.faults ?? []), ...built.faults],
    files: foreign?.files ?? [],
    fingerprint: fingerprintOf([built.fingerprint, prices]),
  };
}

/** Keeps the model list of a process. `apply` gives it its first sources; `start` begins to watch. */
export function createModelListSource(deps: ModelListSourceDeps): ModelListSource {
  const { clock, logger } = deps;
  const memory = createModelListMemory(deps);
  const listeners = new Set<(list: ModelList) => void>();
  let sources: ModelSources = { definitions: [], litellm: undefined };
  let list = emptyModelList(deps.timeoutMs ?? 120_000);
  let built: BuiltModelList | undefined;
  let faults: readonly ModelListFault[] = [];
  let files: readonly string[] = [];
  let started = false;
  let cancelSettle: (() => void) | undefined;
  let cancelSecrets: (() => void) | undefined;
  let reading: Promise<void> = Promise.resolve();

  const files$ = new FileWatch(
    () => {
      cancelSettle?.();
      cancelSettle = clock.after(settleMs, () => void reload());
    },
    (folder, error) =>
      logger.warn({ folder, error }, 'the folder is not watched; restart to take changes of its files over'),
  );

  function watchWhatMatters(): void {
    files$.set(started ? files : []);
    if (!started || built?.usesSecrets !== true) {
      cancelSecrets?.();
      cancelSecrets = undefined;
    } else cancelSecrets ??= clock.every(secretsMs, () => void reload());
  }

  async function read(): Promise<void> {
    const asked = sources;
    const fresh = await readModelList(asked, deps, memory);
    // Something newer is asked for already and will be read next.
    if (asked !== sources) return;
    const told = canonicalJson(faults);
    ({ faults, files } = fresh);
    if (faults.length > 0 && canonicalJson(faults) !== told)
      for (const { message, ...place } of faults)
        logger.warn({ ...place, reason: message }, 'the model list has a fault');
    const isFirst = built === undefined;
    if (faults.length > 0 && !isFirst) {
      logger.warn({ faults: faults.length }, 'the model list stays as it was');
    } else if (isFirst || built?.fingerprint !== fresh.fingerprint) {
      const before = list.notes;
      built = fresh;
      ({ list } = fresh);
      for (const note of list.notes) if (!before.includes(note)) logger.info({ note }, 'model list');
      for (const listener of listeners) listener(list);
    }
    watchWhatMatters();
  }

  function reload(): Promise<void> {
    // One after the other: a slow reading must not overwrite what a later one found.
    reading = reading
      .then(read)
      .catch((error: unknown) => logger.error({ error }, 'the model list could not be read'));
    return reading;
  }

  return {
    name: 'model-list',
    current: () => list,
    faults: () => faults,
    hosts: () => built?.hosts ?? [],
    apply(next) {
      sources = next;
      return reload();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    start() {
      started = true;
      watchWhatMatters();
      return Promise.resolve();
    },
    async stop() {
      started = false;
      cancelSettle?.();
      watchWhatMatters();
      await reading;
    },
  };
}
