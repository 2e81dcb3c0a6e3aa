import type { JsonObject } from '../../../base/index.ts';
import type { CallOutcome, ModelCaller } from '../../accounting/index.ts';
import type { Route, RouteStep, DeploymentState, FallbackTarget, ModelList } from '../router/index.ts';
import type {
  EmbeddingRequest,
  EmbeddingResponse,
  ModelEvent,
  ModelReference,
  ModelRequest,
  RerankRequest,
  RerankResponse,
  WireRequest,
} from '../provider.ts';

/** Whether an answer may come from the cache and go into it. */
export interface CacheControl {
  /** Do not answer from it. */
  readonly noCache?: boolean;
  /** Do not put the answer into it. */
  readonly noStore?: boolean;
  /** Answers older than that do not count, in seconds. */
  readonly maxAgeSeconds?: number;
  /** How long the answer is kept, in seconds. */
  readonly ttlSeconds?: number;
  /** Separates answers further, within the tenant. */
  readonly namespace?: string;
}

/** What a request says about its own routing. */
export interface RequestRouting {
  readonly fallbacks?: readonly FallbackTarget[];
  readonly numRetries?: number;
  readonly timeoutMs?: number;
  readonly region?: string;
  readonly cache?: CacheControl;
  readonly failFirst?: {
    readonly attempts: number;
    readonly kind: 'error' | 'rate-limit' | 'context-window' | 'content-policy';
  };
}

/** A call as a door hands it over. */
export interface GatewayCall {
  readonly caller: ModelCaller;
  readonly reference: ModelReference | undefined;
  readonly stream: boolean;
  /** The request in our own form; made only where an upstream of another shape, a guard or the cache needs it. */
  readonly request: () => Omit<ModelRequest, 'model'>;
  /** The request as it came, where an upstream of the same shape may have it as it is. */
  readonly wire?: WireRequest;
  readonly routing?: RequestRouting;
  readonly signal: AbortSignal;
}

/** Which way a call went; the doors tell it in headers. */
export interface CallRoute extends Pick<Route, 'attempts' | 'groups' | 'overheadMs'> {
  /** Id of the deployment. */
  readonly deployment: string;
  readonly provider: string;
  readonly model: string;
  readonly cache: 'hit' | 'miss' | 'off';
  readonly offline: boolean;
}

/** An answer that has begun. Whoever has it must read it to its end or abort the call's signal. */
export type GatewayAnswer = { readonly route: CallRoute } & (
  | { readonly kind: 'events'; readonly events: AsyncIterable<ModelEvent> }
  | {
      /** Bytes of the upstream in the request's own shape: pass them on untouched. */
      readonly kind: 'bytes';
      readonly status: number;
      readonly contentType: string;
      /** Further headers of the upstream that are worth passing on. */
      readonly headers: Readonly<Record<string, string>>;
      readonly body: AsyncIterable<Uint8Array>;
      /** How it ended, once it has; never rejects. */
      readonly done: Promise<Pick<CallOutcome, 'status' | 'usage' | 'estimated'>>;
    }
);

/**
 * The one place through which every model call goes: guards → cache → limits → router → provider → usage.
 * Errors: `AppError` before the answer begins; later the stream's last event, or the end of the bytes with an error event
 * in their shape.
 */
export interface ModelGateway {
  open(call: GatewayCall): Promise<GatewayAnswer>;
  embed(
    call: Omit<GatewayCall, 'request' | 'stream'> & {
      readonly request: () => Omit<EmbeddingRequest, 'model'>;
    },
  ): Promise<GatewayEmbeddings>;
  rerank(
    call: Omit<GatewayCall, 'request' | 'stream' | 'wire'> & {
      readonly request: () => Omit<RerankRequest, 'model'>;
    },
  ): Promise<{ readonly route: CallRoute; readonly response: RerankResponse }>;
  /** What the router would do with a call now. Errors as `open`. */
  explain(call: {
    readonly caller: ModelCaller;
    readonly model: string;
    readonly body?: JsonObject;
  }): Promise<readonly RouteStep[]>;
  /** Which names the caller's key may use at all. */
  permitted(scope: ModelCaller['scope']): Promise<(name: string) => boolean>;
  states(): readonly DeploymentState[];
  /** The model list as it is now. */
  list(): ModelList;
  /** Forgets the answers that are kept for a tenant. Error: `storage_unavailable`. */
  clearCache(tenant: string): Promise<void>;
}

export type GatewayEmbeddings = { readonly route: CallRoute } & (
  | { readonly kind: 'vectors'; readonly response: EmbeddingResponse }
  | {
      readonly kind: 'bytes';
      readonly status: number;
      readonly contentType: string;
      readonly body: AsyncIterable<Uint8Array>;
      /** As of other answers in bytes, where it is known. */
      readonly done?: Promise<Pick<CallOutcome, 'status' | 'usage' | 'estimated'>>;
    }
);
