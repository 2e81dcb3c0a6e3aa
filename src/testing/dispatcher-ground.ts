import { AppError, type ErrorCode, type ErrorDetails, type JsonObject } from '../base/index.ts';
import type {
  AdmissionRequest,
  CallOutcome,
  ModelPrice,
  SubjectLimits,
} from '../capabilities/accounting/index.ts';
import type { LLMProvider } from '../capabilities/models/index.ts';
import {
  createDispatcher,
  type AttemptIo,
  type Begun,
  type Deployment,
  type DispatchRequest,
  type FallbackTarget,
  type ModelList,
  type RouterSettings,
} from '../capabilities/models/router/index.ts';
import { createMetrics } from '../platform/observability/index.ts';
import { FakeClock } from './fake-clock.ts';
import { createMemoryLogger } from './memory-logger.ts';

/** What a test says of a deployment; everything else is left open. */
export type DeploymentDraft = Partial<Omit<Deployment, 'id' | 'limits' | 'price'>> & {
  readonly id: string;
  readonly limits?: SubjectLimits;
  readonly price?: ModelPrice;
};

/** What a test says of the router; fallbacks by name. */
export type SettingsDraft = Partial<
  Omit<
    RouterSettings,
    | 'fallbacks'
    | 'contextWindowFallbacks'
    | 'contentPolicyFallbacks'
    | 'defaultFallbacks'
    | 'groupRetryPolicies'
  >
> & {
  readonly fallbacks?: Readonly<Record<string, readonly (string | FallbackTarget)[]>>;
  readonly contextWindowFallbacks?: Readonly<Record<string, readonly string[]>>;
  readonly contentPolicyFallbacks?: Readonly<Record<string, readonly string[]>>;
  readonly defaultFallbacks?: readonly string[];
  readonly groupRetryPolicies?: Readonly<Record<string, RouterSettings['retryPolicy']>>;
};

/** How a call of a deployment ends: an answer, an error, or a function that decides each time. `hang`: never. */
export type Ending =
  | 'ok'
  | 'hang'
  | AppError
  | ((io: AttemptIo) => 'ok' | 'hang' | AppError | Promise<Begun<string>>);

/** An error as providers throw it. */
export function upstreamError(code: ErrorCode, details?: ErrorDetails): AppError {
  return new AppError(code, `${code} from upstream`, details === undefined ? {} : { details });
}

const target = (one: string | FallbackTarget): FallbackTarget =>
  typeof one === 'string' ? { model: one } : one;
const table = (entries: Readonly<Record<string, readonly (string | FallbackTarget)[]>> = {}) =>
  new Map(Object.entries(entries).map(([name, targets]) => [name, targets.map(target)]));

function nothingProvider(name: string): LLMProvider {
  const unused = (): never => {
    throw new TypeError('the dispatcher calls no provider itself');
  };
  return {
    name,
    capabilities: { tools: true, structuredOutput: true, images: false, embeddings: true },
    complete: unused,
    stream: unused,
    listModels: unused,
  };
}

/** A deployment with everything open that the test does not name. */
export function deploymentOf(group: string, draft: DeploymentDraft): Deployment {
  const provider = nothingProvider(draft.providerKind ?? 'openai');
  return {
    group,
    providerKind: 'openai',
    provider: () => provider,
    model: `${draft.id}-model`,
    params: {},
    weight: undefined,
    order: undefined,
    limits: {},
    timeouts: {},
    cooldownMs: undefined,
    numRetries: undefined,
    price: undefined,
    tags: [],
    tagRegex: [],
    region: undefined,
    contextWindow: undefined,
    maxOutputTokens: undefined,
    mode: undefined,
    ...draft,
  };
}

/** A model list from groups of drafts. */
export function modelListOf(
  groups: Readonly<Record<string, readonly DeploymentDraft[]>>,
  settings: SettingsDraft = {},
  aliases: Readonly<Record<string, string>> = {},
): ModelList {
  const built = new Map(
    Object.entries(groups).map(([name, drafts]) => [name, drafts.map((draft) => deploymentOf(name, draft))]),
  );
  return {
    groups: built,
    aliases: new Map(Object.entries(aliases)),
    deployments: new Map([...built.values()].flat().map((one) => [one.id, one])),
    notes: [],
    settings: {
      strategy: 'weighted-shuffle',
      numRetries: 2,
      retryPolicy: {},
      allowedFails: undefined,
      allowedFailsPolicy: {},
      cooldownMs: 5000,
      disableCooldowns: false,
      retryAfterMs: 0,
      maxFallbacks: 5,
      preCallChecks: false,
      tagFiltering: false,
      tagMatchAll: false,
      tagFailOpen: false,
      groupTags: new Map(),
      timeoutMs: 120_000,
      ...settings,
      groupRetryPolicies: new Map(Object.entries(settings.groupRetryPolicies ?? {})),
      fallbacks: table(settings.fallbacks),
      contextWindowFallbacks: table(settings.contextWindowFallbacks),
      contentPolicyFallbacks: table(settings.contentPolicyFallbacks),
      defaultFallbacks: (settings.defaultFallbacks ?? []).map(target),
    },
  };
}

/** Random numbers that are the same in each run of a test. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A dispatcher on a fake clock, whose deployments end as `endings` say, and everything that it did. */
export function createDispatcherGround(
  first: ModelList,
  options: { readonly endings?: Record<string, Ending>; readonly seed?: number } = {},
) {
  const clock = new FakeClock();
  const logger = createMemoryLogger();
  const metrics = createMetrics({ version: 'test', processMetrics: false });
  const endings = options.endings ?? {};
  const calls: { readonly deployment: string; readonly atMs: number; readonly io: AttemptIo }[] = [];
  const admitted: AdmissionRequest[] = [];
  const settled: (CallOutcome & { readonly deployment: string })[] = [];
  const noted: (readonly [string, string])[] = [];
  let list = first;
  let admission: (request: AdmissionRequest) => AppError | undefined = () => undefined;
  const dispatcher = createDispatcher({
    clock,
    logger,
    metrics,
    random: seededRandom(options.seed ?? 1),
    list: () => list,
    implicit: (name) => {
      if (name.startsWith('nowhere')) throw new AppError('not_found', `no model "${name}"`);
      return deploymentOf(name, { id: name });
    },
    admit: (request) => {
      const refusal = admission(request);
      if (refusal !== undefined) return Promise.reject(refusal);
      admitted.push(request);
      return Promise.resolve({
        maxOutputTokens: undefined,
        settle: (outcome: CallOutcome) => {
          settled.push({ ...outcome, deployment: request.deployment.id });
          return outcome.usage;
        },
      });
    },
    note: (deployment, error) => void noted.push([deployment.id, error?.code ?? 'ok']),
  });
  const attempt = (io: AttemptIo): Promise<Begun<string>> => {
    const { id } = io.deployment;
    calls.push({ deployment: id, atMs: clock.now(), io });
    const scripted = endings[id] ?? 'ok';
    const ending = typeof scripted === 'function' ? scripted(io) : scripted;
    if (ending instanceof Promise) return ending;
    if (ending === 'hang') return new Promise(() => {});
    if (ending instanceof AppError) return Promise.reject(ending);
    const usage = { inputTokens: 10, outputTokens: 5, costUsd: null };
    return Promise.resolve({
      value: id,
      done: Promise.resolve({ status: 'ok', usage, estimated: false }),
    });
  };
  const requestOf = (
    name: DispatchRequest['target'],
    more: Partial<DispatchRequest> & { readonly userAgent?: string; readonly params?: JsonObject } = {},
  ): DispatchRequest => ({
    caller: {
      scope: { tenant: 'default', principal: 'tester', scopes: [] },
      requestId: 'req_1',
      ...(more.userAgent === undefined ? {} : { userAgent: more.userAgent }),
    },
    target: name,
    operation: 'chat',
    stream: true,
    inputTokens: 10,
    mostInputTokens: 40,
    maxOutputTokens: undefined,
    tags: [],
    signal: new AbortController().signal,
    ...more,
  });
  return {
    clock,
    logger,
    metrics,
    dispatcher,
    endings,
    calls,
    admitted,
    settled,
    noted,
    requestOf,
    /** Ids of the deployments that were called, in order. */
    called: (): string[] => calls.map(({ deployment }) => deployment),
    dispatch: (
      name: DispatchRequest['target'],
      more?: Parameters<typeof requestOf>[1],
      own: typeof attempt = attempt,
    ) => dispatcher.dispatch(requestOf(name, more), own),
    explain: (name: DispatchRequest['target'], more?: Parameters<typeof requestOf>[1]) =>
      dispatcher.explain(requestOf(name, more)),
    state: (id: string) => dispatcher.states().find(({ deployment }) => deployment.id === id),
    reload: (next: ModelList) => void (list = next),
    refuse: (rule: typeof admission) => void (admission = rule),
  };
}
