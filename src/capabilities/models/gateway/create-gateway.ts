import type { Clock, JsonObject } from '../../../base/index.ts';
import type { Accounting, CallerDirectory } from '../../accounting/index.ts';
import type { ModelReference } from '../provider.ts';
import type { Deployment, Dispatcher, ModelList } from '../router/index.ts';
import type { AnswerCache } from './answer-cache.ts';
import { beginBytes } from './begin-bytes.ts';
import type { ByteAnswer } from './pass-context.ts';
import { beginEvents } from './begin-events.ts';
import { routeOf, routeOfHit } from './call-route.ts';
import type { GatewayAnswer, GatewayCall, ModelGateway } from './gateway.ts';
import type { GuardChain } from './guard.ts';
import { guardEvents } from './guarded-events.ts';
import { keepBytes, keepEvents, replayBytes, replayEvents } from './keep-answer.ts';
import { isModelAllowed } from './model-permission.ts';
import { prepareCall, type PreparedCall } from './prepare-call.ts';
import { overridden, withParams } from './request-params.ts';
import { createVectorCalls } from './vector-calls.ts';

/** What the gateway stands on. */
export interface GatewayDeps {
  readonly dispatcher: Dispatcher;
  readonly accounting: Pick<Accounting, 'recordHit'>;
  readonly callers: CallerDirectory;
  /** As they are now. */
  readonly guards: () => GuardChain;
  readonly cache: () => AnswerCache;
  /** A name to look up in the list, or the deployment that a definition describes by itself. */
  readonly target: (reference: ModelReference | undefined) => string | Deployment;
  readonly list: () => ModelList;
  readonly clock: Clock;
}

type Opened =
  | { readonly kind: 'events'; readonly events: Extract<GatewayAnswer, { kind: 'events' }>['events'] }
  | ({ readonly kind: 'bytes' } & ByteAnswer);

/** The request as the cache compares it: in the shape in which it would be answered. */
function comparedBody(call: Pick<GatewayCall, 'request' | 'wire'>): JsonObject {
  return call.wire?.json ?? (call.request() as unknown as JsonObject);
}

/** The pipeline of a model call: guards → cache → router → provider, and back. */
export function createGateway(deps: GatewayDeps): ModelGateway {
  const { dispatcher, accounting, clock } = deps;

  /** The call after the guards have looked at it; its bytes are gone where they would not be what was guarded. */
  async function guarded(call: GatewayCall, guards: GuardChain): Promise<GatewayCall> {
    if (!guards.guardsInput && !guards.guardsOutput) return call;
    const { wire: _wire, ...withoutBytes } = call;
    if (!guards.guardsInput) return withoutBytes;
    const { request, changed } = await guards.input(call.request(), call.caller, call.signal);
    const asked = { ...withoutBytes, request: () => request };
    return changed || guards.guardsOutput || call.wire === undefined ? asked : { ...asked, wire: call.wire };
  }

  async function ask(call: GatewayCall, prepared: PreparedCall, guards: GuardChain): Promise<GatewayAnswer> {
    const { wire, stream } = call;
    const { value, route } = await dispatcher.dispatch<Opened>(prepared.dispatch, async (io) => {
      if (wire !== undefined && io.provider.wireShapes?.includes(wire.shape) === true) {
        const begun = await beginBytes(io, overridden(wire, io.overrides), {
          stream,
          inputTokens: prepared.inputTokens,
        });
        return { value: { kind: 'bytes', ...begun.value }, done: begun.done };
      }
      const request = withParams(call.request(), io);
      const options = { stream, inputTokens: prepared.inputTokens };
      const begun = guardEvents(await beginEvents(io, request, options), guards, call);
      return { value: { kind: 'events', events: begun.value }, done: begun.done };
    });
    const told = routeOf(route, deps.cache().enabled ? 'miss' : 'off');
    if (value.kind === 'bytes') return { route: told, ...value };
    return { route: told, kind: 'events', events: value.events };
  }

  async function open(asked: GatewayCall): Promise<GatewayAnswer> {
    const startedMs = clock.now();
    const checked = await prepareCall(deps, asked, 'chat');
    const guards = deps.guards();
    const call = await guarded(asked, guards);
    // What the guards made of the request is what is counted.
    const prepared = call === asked ? checked : await prepareCall(deps, call, 'chat');
    const cache = deps.cache();
    if (!cache.enabled) return ask(call, prepared, guards);
    const { hit, store } = await cache.lookup(
      {
        caller: call.caller,
        model: prepared.model,
        stream: call.stream,
        shape: call.wire?.shape ?? 'events',
        body: () => comparedBody(call),
        ...(call.wire?.headers === undefined ? {} : { headers: call.wire.headers }),
        guards: guards.fingerprint,
        request: call.request,
        control: call.routing?.cache ?? {},
      },
      call.signal,
    );
    // Vectors are never kept for a question in words.
    if (hit !== undefined && hit.kind !== 'vectors') {
      accounting.recordHit({
        ...hit,
        caller: prepared.dispatch.caller,
        operation: 'chat',
        stream: call.stream,
        durationMs: clock.now() - startedMs,
      });
      const route = routeOfHit(hit, clock.now() - startedMs);
      return hit.kind === 'bytes'
        ? { route, kind: 'bytes', ...replayBytes(hit) }
        : { route, kind: 'events', events: replayEvents(hit) };
    }
    const answer = await ask(call, prepared, guards);
    if (store === undefined) return answer;
    return answer.kind === 'bytes'
      ? { ...answer, body: keepBytes(answer, store) }
      : { ...answer, events: keepEvents(answer, store) };
  }

  return {
    open,

    ...createVectorCalls(deps),

    async explain({ caller, model }) {
      const { signal } = new AbortController();
      const prepared = await prepareCall(
        deps,
        { caller, reference: { name: model }, stream: false, request: () => ({ messages: [] }), signal },
        'chat',
      );
      return dispatcher.explain(prepared.dispatch);
    },

    async permitted(scope) {
      const { models } = await deps.callers.attributesOf(scope);
      return (name) => models === undefined || isModelAllowed(name, models, deps.list());
    },

    states: () => dispatcher.states(),

    list: deps.list,

    clearCache: (tenant) => deps.cache().clear(tenant),
  };
}
