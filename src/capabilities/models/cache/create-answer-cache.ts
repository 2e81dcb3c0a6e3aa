import { fitsPattern, withDeadline, type Clock, type Logger } from '../../../base/index.ts';
import type { Metrics } from '../../../platform/observability/index.ts';
import type { ModelCacheSettings } from '../../../protocol/index.ts';
import type { ModelCaller } from '../../accounting/index.ts';
import type { AnswerCache, CacheableCall, CacheLookup, CachedAnswer } from '../gateway/answer-cache.ts';
import { raceAbort } from '../providers/race-abort.ts';
import type { AnswerStore, KeptAnswer } from './answer-store.ts';
import { cacheKeyOf } from './cache-key.ts';
import { directionOf, SemanticIndex } from './semantic-index.ts';
import { semanticQuestionOf } from './semantic-question.ts';

/** Turns one text into a vector, with a group of the model list. */
export type EmbedQuestion = (
  group: string,
  text: string,
  options: { readonly caller: ModelCaller; readonly signal: AbortSignal },
) => Promise<readonly number[]>;

/** What the cache stands on. */
export interface AnswerCacheDeps {
  /** As they are now; `undefined`: off. */
  readonly settings: () => ModelCacheSettings | undefined;
  readonly store: AnswerStore;
  readonly embed: EmbedQuestion;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'modelCache'>;
}

/** Nothing is kept longer, whatever a request says. */
const longestTtlMs = 30 * 86_400_000;
const second = 1000;

interface Semantic {
  readonly hit?: KeptAnswer;
  readonly add?: (kept: KeptAnswer) => void;
}

/** Answers to what was asked before: to the letter, or, where that is wanted, by its meaning. */
export function createAnswerCache(deps: AnswerCacheDeps): AnswerCache {
  const { settings, store, clock, metrics, logger } = deps;
  const index = new SemanticIndex(clock);

  const excluded = (now: ModelCacheSettings, { model, caller }: CacheableCall): boolean =>
    now.exclude.keys.some(
      (key) => key === caller.scope.principal || `key:${key}` === caller.scope.principal,
    ) || now.exclude.models.some((pattern) => fitsPattern(pattern, model));

  const oldest = ({ control }: CacheableCall): number =>
    control.maxAgeSeconds === undefined ? 0 : clock.now() - control.maxAgeSeconds * second;

  async function byMeaning(
    call: CacheableCall,
    now: NonNullable<ModelCacheSettings['semantic']>,
    parent: AbortSignal,
  ): Promise<Semantic> {
    const { signal, clear } = withDeadline(clock, now.timeout, parent);
    try {
      const question = semanticQuestionOf(call);
      if (question === undefined) return {};
      const { caller } = call;
      const { tenant } = caller.scope;
      const vector = directionOf(
        await raceAbort(deps.embed(now.embeddings, question.text, { caller, signal }), signal),
      );
      if (vector === undefined) return {};
      // What other vectors say about likeness is another thing.
      const place = { rest: `${now.embeddings}\n${question.rest}`, vector };
      const hit =
        call.control.noCache === true
          ? undefined
          : index.find(tenant, place, { threshold: now.threshold, storedMs: oldest(call) });
      return {
        ...(hit === undefined ? {} : { hit }),
        add: (kept) => index.add(tenant, { ...place, kept }, now.maxEntries),
      };
    } catch (error) {
      if (!parent.aborted) logger.debug({ error }, 'a question could not be compared by its meaning');
      return {};
    } finally {
      clear();
    }
  }

  async function lookup(call: CacheableCall, signal: AbortSignal): Promise<CacheLookup> {
    const now = settings();
    if (now === undefined || excluded(now, call)) return {};
    const { control, caller } = call;
    if (control.noCache === true && control.noStore === true) return {};
    const { tenant } = caller.scope;
    const isVector = call.request === undefined;
    const exact = isVector ? now.embeddings : now.exact;
    const semantic = isVector ? undefined : now.semantic;
    if (exact === undefined && semantic === undefined) return {};
    const key = exact === undefined ? '' : cacheKeyOf(call);
    if (exact !== undefined && control.noCache !== true) {
      const kept = await store.get(tenant, key, signal);
      if (kept !== undefined && kept.storedMs >= oldest(call)) {
        metrics.modelCache.inc({ result: 'hit' });
        return { hit: kept.answer };
      }
    }
    const meant = semantic === undefined ? {} : await byMeaning(call, semantic, signal);
    if (meant.hit !== undefined) {
      metrics.modelCache.inc({ result: 'semantic-hit' });
      return { hit: meant.hit.answer };
    }
    metrics.modelCache.inc({ result: control.noCache === true ? 'refresh' : 'miss' });
    if (control.noStore === true) return {};
    const keep = (answer: CachedAnswer, ttlMs: number): KeptAnswer => {
      const storedMs = clock.now();
      const asked = control.ttlSeconds === undefined ? ttlMs : control.ttlSeconds * second;
      return { answer, storedMs, expiresMs: storedMs + Math.min(asked, longestTtlMs) };
    };
    return {
      store: (answer) => {
        if (exact !== undefined) store.set(tenant, key, keep(answer, exact.ttl));
        if (semantic !== undefined) meant.add?.(keep(answer, semantic.ttl));
      },
    };
  }

  return {
    get enabled() {
      const now = settings();
      return now !== undefined && (now.exact ?? now.semantic ?? now.embeddings) !== undefined;
    },

    async lookup(call, signal) {
      try {
        return await lookup(call, signal);
      } catch (error) {
        logger.debug({ error }, 'the cache could not be asked');
        return {};
      }
    },

    async clear(tenant) {
      index.clear(tenant);
      await store.clear(tenant);
    },
  };
}
