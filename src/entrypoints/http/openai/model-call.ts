import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { GatewayCall, WireShape } from '../../../capabilities/models/index.ts';
import type { CallerWait } from '../caller-wait.ts';
import { startCallerWait } from '../caller-wait.ts';
import { callerOf } from '../gateway-door/caller-of.ts';
import type { RoutedRequest } from '../gateway-door/request-routing.ts';
import type { RouteDeps } from '../http-deps.ts';

/** One request to a door of OpenAI's while it is answered. */
export interface OpenAIExchange {
  readonly deps: RouteDeps;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly routed: RoutedRequest;
  readonly wait: CallerWait;
}

function fault(path: string, message: string): AppError {
  return new AppError('invalid_request', `${path}: ${message}`, { details: { issues: [{ path, message }] } });
}

/** The name of the model that a body asks for. Error: `invalid_request`. */
export function modelNameOf({ model }: JsonObject): string {
  if (typeof model === 'string' && model.length > 0 && model.length <= 300) return model;
  throw fault('model', 'expected the name of a model');
}

/** Does a body ask for a stream? Error: `invalid_request`. */
export function wantsStream({ stream }: JsonObject): boolean {
  if (stream === undefined || stream === null || typeof stream === 'boolean') return stream === true;
  throw fault('stream', 'expected true or false');
}

/** Does a body ask for the usage at the end of a stream? */
export function wantsUsage({ stream_options: options }: JsonObject): boolean {
  return isJsonObject(options) && options['include_usage'] === true;
}

/** Waits for as long as callers may wait at all. */
export function startModelWait(deps: RouteDeps, reply: FastifyReply): CallerWait {
  const seconds = deps.config.API_WAIT_TIMEOUT_SECONDS;
  return startCallerWait(deps, reply, {
    milliseconds: seconds * 1000,
    // Not to be sent again by itself: that would pay for the same work twice.
    error: () => new AppError('timeout', `there is no answer after ${seconds} s`, { retryable: false }),
  });
}

/** What every call of a model has, whatever it asks for. */
export function modelCallOf(
  { request, routed, wait }: OpenAIExchange,
  name: string,
  shape: WireShape,
): Omit<GatewayCall, 'request' | 'stream'> & Required<Pick<GatewayCall, 'wire'>> {
  const { json, bytes, tags, routing } = routed;
  return {
    caller: callerOf(request, { tags, user: json['user'] }),
    reference: { name },
    wire: { shape, body: bytes, json },
    routing,
    signal: wait.signal,
  };
}
