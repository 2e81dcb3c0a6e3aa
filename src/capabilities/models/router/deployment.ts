import type { JsonObject } from '../../../base/index.ts';
import type { ModelPrice, SubjectLimits } from '../../accounting/index.ts';
import type { LLMProvider } from '../provider.ts';

/** Bounds of one attempt, in milliseconds. Absent: the router's own. */
export interface DeploymentTimeouts {
  /** From the request to the first part of the answer. */
  readonly firstTokenMs?: number;
  /** Longest silence within the answer. */
  readonly idleMs?: number;
  /** The whole attempt. */
  readonly totalMs?: number;
}

/** One entry of the model list: a model of a provider, with its key, limits and price. */
export interface Deployment {
  /** Given, or a hash of its parameters; the same after a reload that did not change it. */
  readonly id: string;
  /** The public name that it shares with its siblings; `provider/model` where it stands in no list. */
  readonly group: string;
  /** Kind of provider as written: `openai`, `azure`, `ollama`, … */
  readonly providerKind: string;
  /** Built when first asked for. Errors: `invalid_definition`, `model_unavailable`. */
  readonly provider: () => LLMProvider;
  /** The provider's own name of the model. */
  readonly model: string;
  /** Parameters that every request gets unless it sets them itself (`temperature`, `max_tokens`, `num_ctx`, …). */
  readonly params: JsonObject;
  readonly weight: number | undefined;
  /** Lowest first; only used with `enable_pre_call_checks`-like ordering switched on. */
  readonly order: number | undefined;
  readonly limits: SubjectLimits;
  readonly timeouts: DeploymentTimeouts;
  /** Length of its cool-downs; absent: the router's. */
  readonly cooldownMs: number | undefined;
  /** Further attempts; absent: the router's. */
  readonly numRetries: number | undefined;
  readonly price: ModelPrice | undefined;
  readonly tags: readonly string[];
  readonly tagRegex: readonly string[];
  readonly region: string | undefined;
  readonly contextWindow: number | undefined;
  readonly maxOutputTokens: number | undefined;
  /** `chat`, `embedding`, `rerank`; absent: unknown, so anything. */
  readonly mode: string | undefined;
  /**
   * Only where `model` is a pattern such as `*`: the deployment for one model, which shares the id, the state and the limits
   * of the pattern. `undefined`: no provider is known for it. Such a deployment is never called itself; `resolveTarget` asks.
   */
  readonly forName?: (model: string) => Deployment | undefined;
}

export const strategies = ['weighted-shuffle', 'least-busy', 'usage', 'latency', 'cost', 'order'] as const;
export type Strategy = (typeof strategies)[number];

/** Classes of errors that retries and cool-downs tell apart, named as LiteLLM names them. */
export type ErrorClass =
  | 'BadRequest'
  | 'Authentication'
  | 'Timeout'
  | 'RateLimit'
  | 'ContentPolicyViolation'
  | 'ContextWindowExceeded'
  | 'InternalServer'
  | 'ServiceUnavailable'
  | 'NotFound';

/** A model to go to instead: a group, deployment id or `provider/model`, with parameters that it overrides. */
export interface FallbackTarget {
  readonly model: string;
  readonly params?: JsonObject;
}

/** Name of the failing group, without its provider too, or `*` → where to go. */
export type Fallbacks = ReadonlyMap<string, readonly FallbackTarget[]>;

export interface RouterSettings {
  readonly strategy: Strategy;
  /** Attempts after the first, over all deployments of a group. */
  readonly numRetries: number;
  /** Number of retries by class; `Default` for the others. */
  readonly retryPolicy: Readonly<Partial<Record<ErrorClass | 'Default', number>>>;
  readonly groupRetryPolicies: ReadonlyMap<string, Readonly<Partial<Record<ErrorClass | 'Default', number>>>>;
  /** Failures that a deployment is allowed within a cool-down's length; absent: the rules of the sliding window. */
  readonly allowedFails: number | undefined;
  readonly allowedFailsPolicy: Readonly<Partial<Record<ErrorClass, number>>>;
  readonly cooldownMs: number;
  readonly disableCooldowns: boolean;
  /** Wait before a retry without a sibling, at least. */
  readonly retryAfterMs: number;
  readonly fallbacks: Fallbacks;
  readonly contextWindowFallbacks: Fallbacks;
  readonly contentPolicyFallbacks: Fallbacks;
  readonly defaultFallbacks: readonly FallbackTarget[];
  readonly maxFallbacks: number;
  /** Context window, region and `order` are looked at before the pick. */
  readonly preCallChecks: boolean;
  readonly tagFiltering: boolean;
  readonly tagMatchAll: boolean;
  readonly tagFailOpen: boolean;
  /** Of one group, in place of the router's. */
  readonly groupTags: ReadonlyMap<
    string,
    Readonly<Partial<Pick<RouterSettings, 'tagFiltering' | 'tagFailOpen'>>>
  >;
  /** The whole call: all attempts and fallbacks together. */
  readonly timeoutMs: number;
}

/** The models of an installation as they are now; a reload makes a new one, calls under way keep theirs. */
export interface ModelList {
  readonly groups: ReadonlyMap<string, readonly Deployment[]>;
  /** Name → group. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly deployments: ReadonlyMap<string, Deployment>;
  readonly settings: RouterSettings;
  /** What was written but is not used, each with its place; told at start and by `agent33 models list`. */
  readonly notes: readonly string[];
}
