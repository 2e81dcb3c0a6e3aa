import type { JsonObject } from '../../../base/index.ts';
import type { ModelCaller } from '../../accounting/index.ts';
import type { Usage } from '../../../protocol/index.ts';
import type { EmbeddingResponse, ModelEvent, ModelRequest } from '../provider.ts';
import type { CacheControl } from './gateway.ts';

/** A call as the cache tells it from others. */
export interface CacheableCall {
  readonly caller: ModelCaller;
  /** Name of the model as asked for, after aliases. */
  readonly model: string;
  readonly stream: boolean;
  /** Shape of the bytes, or `events` for answers in our own form. */
  readonly shape: string;
  /** What was asked in that shape. */
  readonly body: () => JsonObject;
  /** Headers that belong to what was asked. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Fingerprint of the guards behind which the answer is seen. */
  readonly guards: string;
  /** The same in our own form, for a cache that compares meanings. Absent: it has none, as a text to be embedded. */
  readonly request?: () => Omit<ModelRequest, 'model'>;
  readonly control: CacheControl;
}

/** An answer as it is kept. */
export type CachedAnswer = {
  readonly deployment: string;
  readonly group: string;
  readonly provider: string;
  readonly model: string;
  readonly usage: Usage;
} & (
  | { readonly kind: 'events'; readonly events: readonly ModelEvent[] }
  | { readonly kind: 'bytes'; readonly contentType: string; readonly body: Uint8Array }
  | { readonly kind: 'vectors'; readonly vectors: EmbeddingResponse['vectors'] }
);

/** What the cache knows of a call. */
export interface CacheLookup {
  readonly hit?: CachedAnswer;
  /** Keeps the answer for the next one who asks the same; returns at once. Absent: it must not be kept. */
  readonly store?: (answer: CachedAnswer) => void;
}

/** Answers given before. Never rejects: a cache that is away knows nothing. Never answers one tenant with another's. */
export interface AnswerCache {
  /** False: nothing is looked up. */
  readonly enabled: boolean;
  lookup(call: CacheableCall, signal: AbortSignal): Promise<CacheLookup>;
  /** Forgets what is kept for a tenant. Error: `storage_unavailable` where what is shared cannot be reached. */
  clear(tenant: string): Promise<void>;
}

/** Knows nothing. */
export const noCache: AnswerCache = {
  enabled: false,
  lookup: () => Promise.resolve({}),
  clear: () => Promise.resolve(),
};
