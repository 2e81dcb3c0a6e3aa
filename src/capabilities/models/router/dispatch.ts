import type { AppError, JsonObject } from '../../../base/index.ts';
import type { Admission, AdmissionRequest, CallOutcome, ModelCaller } from '../../accounting/index.ts';
import type { LLMProvider } from '../provider.ts';
import type { Deployment, FallbackTarget, ModelList } from './deployment.ts';

/** What is known of a call before anybody is chosen for it. */
export interface DispatchRequest {
  readonly caller: ModelCaller;
  /** A name of the list, `provider/model`, or a single deployment that a definition describes by itself. */
  readonly target: string | Deployment;
  readonly operation: AdmissionRequest['operation'];
  readonly stream: boolean;
  readonly inputTokens: number;
  /** More it cannot be. */
  readonly mostInputTokens: number;
  /** How many answers are asked for at once. Default 1. */
  readonly answers?: number;
  readonly maxOutputTokens: number | undefined;
  /** Tags of request, key and team. */
  readonly tags: readonly string[];
  /** Those of the tags that key or team demand: what they require and exclude stays even where the tag filter fails open. */
  readonly policyTags?: readonly string[];
  /** Switches the tag filter on for this call; the router's own setting cannot be switched off. */
  readonly tagFiltering?: boolean;
  /** Fallbacks of the request itself; tried before those of the list. */
  readonly fallbacks?: readonly FallbackTarget[];
  /** Models that the caller may be sent to instead; those that it may not are left out of all fallbacks. */
  readonly permits?: (model: string) => boolean;
  readonly numRetries?: number;
  readonly timeoutMs?: number;
  /** Region that the request is bound to. */
  readonly region?: string;
  /** Ends everything; its reason is the error. */
  readonly signal: AbortSignal;
  /** Told at the beginning how to see the decisions so far, also of a call that fails. */
  readonly watch?: (steps: () => readonly RouteStep[]) => void;
  /** Makes the first so many attempts fail without calling anybody; for those who test their fallbacks. */
  readonly failFirst?: { readonly attempts: number; readonly error: AppError };
}

/** One attempt at one deployment. */
export interface AttemptIo {
  readonly deployment: Deployment;
  readonly provider: LLMProvider;
  /** The deployment's own parameters, to put under the request. */
  readonly params: JsonObject;
  /** Those of the fallback that led here, which stand above the request. */
  readonly overrides?: JsonObject;
  /** Bound that the reservation sets. */
  readonly maxOutputTokens: number | undefined;
  /** Aborts with the caller and with the attempt's deadline. */
  readonly signal: AbortSignal;
  readonly attempt: number;
}

/** An attempt whose answer has begun: from here on nobody else is asked. */
export interface Begun<T> {
  readonly value: T;
  /** Settles when the answer is over, however it ended; never rejects. */
  readonly done: Promise<Pick<CallOutcome, 'status' | 'usage' | 'estimated'>>;
}

/** Calls somebody. Resolves with the first part of the answer, rejects with `AppError` when there was none. */
export type Attempt<T> = (io: AttemptIo) => Promise<Begun<T>>;

/** Why a deployment was not taken, or that it was. */
export interface Considered {
  readonly deployment: string;
  readonly verdict:
    | 'picked'
    | 'eligible'
    | 'cooled-down'
    | 'context-window'
    | 'region'
    | 'order'
    | 'tags'
    | 'limit'
    | 'mode'
    | 'tried';
  readonly detail?: string;
}

/** One step of a decision, as `explain` shows it. */
export interface RouteStep {
  readonly group: string;
  readonly reason:
    | 'first'
    | 'retry'
    | 'fallback'
    | 'context-window-fallback'
    | 'content-policy-fallback'
    | 'default-fallback';
  readonly strategy: string;
  /** Everybody who was looked at. A call whose strategy's first choice suits looks at no others; `explain` always does. */
  readonly considered: readonly Considered[];
  readonly picked: string | undefined;
  /** How the attempt failed. */
  readonly error?: { readonly code: string; readonly message: string };
  readonly waitedMs?: number;
}

/** Who answers, and how it came to it. */
export interface Route {
  readonly deployment: Deployment;
  readonly attempts: number;
  /** Groups that were gone through, the answering one last. */
  readonly groups: readonly string[];
  /** Time spent on choosing, admitting and waiting, without upstreams, in milliseconds. */
  readonly overheadMs: number;
  readonly steps: readonly RouteStep[];
}

export interface Dispatched<T> {
  readonly value: T;
  readonly route: Route;
}

/**
 * Chooses deployments and calls them until one begins to answer. Errors: the last attempt's, with `details.attempts` and
 * `details.groups`; `not_found` for an unknown name; `model_unavailable` when nothing of a group can be used (with
 * `details.retryAfterMs` while all cool down); `rate_limited` and `budget_exceeded` of the caller's own limits at once.
 */
export interface Dispatcher {
  dispatch<T>(request: DispatchRequest, attempt: Attempt<T>): Promise<Dispatched<T>>;
  /**
   * What would happen now, without calling anybody or counting anything: the first step is the call's own, those after it
   * are where it would go on, one for each fallback. Errors: `not_found` for an unknown name.
   */
  explain(request: Omit<DispatchRequest, 'signal'>): readonly RouteStep[];
  /** State of each deployment: in flight, cool-down, rates, latency. */
  states(): readonly DeploymentState[];
}

export interface DeploymentState {
  readonly deployment: Deployment;
  readonly inFlight: number;
  /** Epoch milliseconds; `undefined`: healthy. */
  readonly coolingUntilMs: number | undefined;
  readonly lastError: { readonly code: string; readonly message: string; readonly atMs: number } | undefined;
  readonly requests: number;
  readonly failures: number;
  readonly firstTokenMs: number | undefined;
  readonly msPerToken: number | undefined;
}

/** What the dispatcher stands on. */
export interface DispatcherDeps {
  readonly list: () => ModelList;
  /** A name that is in no list: prefix rules and default provider. Errors as `resolveModel`. */
  readonly implicit: (name: string) => Deployment;
  readonly admit: (
    request: AdmissionRequest,
    options: { readonly signal: AbortSignal },
  ) => Promise<Admission>;
  /** Told how each attempt ended, for whoever shows the state of providers; `undefined`: well. */
  readonly note?: (deployment: Deployment, error: AppError | undefined) => void;
}
