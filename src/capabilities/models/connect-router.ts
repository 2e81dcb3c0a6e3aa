import type { Clock, Logger } from '../../base/index.ts';
import type { Tracing } from '../../platform/observability/index.ts';
import {
  unlimitedAccounting,
  type Accounting,
  type CallerDirectory,
  type ModelPrice,
} from '../accounting/index.ts';
import { emptyModelList } from './list/index.ts';
import { noCache, type AnswerCache } from './gateway/answer-cache.ts';
import { createGateway } from './gateway/create-gateway.ts';
import type { ModelGateway } from './gateway/gateway.ts';
import { noGuards, type GuardChain } from './gateway/guard.ts';
import { ImplicitDeployments } from './implicit-deployments.ts';
import { createModelRouter } from './model-router.ts';
import type { ModelReference, ModelRouter } from './provider.ts';
import type { ModelRules } from './resolve-model.ts';
import { tracedDispatcher } from './tracing/traced-dispatcher.ts';
import { tracedGateway } from './tracing/traced-gateway.ts';
import {
  createDispatcher,
  resolveTarget,
  type Deployment,
  type DispatcherInstruments,
  type ModelList,
} from './router/index.ts';

/** What router and gateway are put together from. */
export interface RouterParts {
  readonly clock: Clock;
  readonly metrics: DispatcherInstruments;
  readonly logger: Logger;
  readonly rules: ModelRules;
  /** As they are now. */
  readonly prices: () => Readonly<Record<string, ModelPrice>>;
  /** Bound of a whole call, where the model list says nothing. */
  readonly timeoutMs: number;
  /** Default: nothing is limited, nobody has attributes. */
  readonly accounting?: Accounting;
  readonly callers?: CallerDirectory;
  /** The model list as it is now. Default: empty. */
  readonly list?: () => ModelList;
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing;
  readonly guards?: () => GuardChain;
  readonly cache?: () => AnswerCache;
}

/** Principals of whom nothing is known. */
const strangers: CallerDirectory = { attributesOf: () => Promise.resolve({ tags: [] }) };

/** The gateway over the model list and the providers, and the router that agents see of it. */
export function connectRouter(parts: RouterParts): {
  readonly gateway: ModelGateway;
  readonly router: ModelRouter;
} {
  const { rules, clock, logger, metrics, timeoutMs } = parts;
  const { accounting = unlimitedAccounting, callers = strangers } = parts;
  const empty = emptyModelList(timeoutMs);
  const list = parts.list ?? (() => empty);
  const implicit = new ImplicitDeployments(rules, parts.prices);
  const target = (reference: ModelReference | undefined): string | Deployment => {
    if (reference?.provider !== undefined) return implicit.described(reference);
    const { name } = reference ?? {};
    return name === undefined || name === 'default' ? rules.defaultModel() : name;
  };
  const { tracing } = parts;
  const plain = createDispatcher({
    list,
    implicit: (name) => implicit.named(name),
    admit: (request, options) => accounting.admit(request, options),
    note: ({ provider }, error) => rules.directory.noteCall(provider().name, error),
    clock,
    logger,
    metrics,
    random: Math.random,
  });
  const dispatcher = tracing === undefined ? plain : tracedDispatcher(plain);
  const untraced = createGateway({
    dispatcher,
    accounting,
    callers,
    guards: parts.guards ?? (() => noGuards),
    cache: parts.cache ?? (() => noCache),
    target,
    list,
    clock,
  });
  const gateway = tracing === undefined ? untraced : tracedGateway(untraced, tracing);
  const router = createModelRouter({
    clock,
    logger,
    rules,
    gateway,
    find: (reference) => {
      const wanted = target(reference);
      return typeof wanted === 'string'
        ? (resolveTarget(wanted, list()).deployments[0] ?? implicit.named(wanted))
        : wanted;
    },
  });
  return { gateway, router };
}
