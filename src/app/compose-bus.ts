import { AppError, type Clock, type HealthCheck, type Logger, type Service } from '../base/index.ts';
import {
  AmqpBus,
  AmqpEventHandler,
  InProcessBus,
  NatsBus,
  RedisBus,
  RedisStreams,
  type BrokerEvent,
  type EventHandler,
  type EventStreams,
  type MessageBus,
} from '../platform/bus/index.ts';
import type { Config } from '../platform/config/index.ts';
import { createRedis, createRedisSubscriber } from '../platform/redis/index.ts';
import type { ProjectDefinition } from '../protocol/index.ts';

interface BusParts {
  readonly config: Pick<Config, 'NATS_URL' | 'REDIS_URL' | 'REDIS_STREAM_PREFIX' | 'AMQP_URL'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the project says of events. */
  readonly events: ProjectDefinition['spec']['events'];
  /** Stores an event that a broker brings. */
  readonly onEvent: (event: BrokerEvent) => Promise<void>;
}

/** What connects this process with others and with other programs. */
export interface BusSide {
  readonly bus: MessageBus;
  /** The streams `agent:*`; only where Redis is configured. */
  readonly streams: EventStreams | undefined;
  /** A broker beside the bus, where the project asks for one. */
  readonly handler: EventHandler | undefined;
  /** In the order in which they start. */
  readonly services: readonly Service[];
  readonly checks: readonly HealthCheck[];
}

/** Chooses the carriers: NATS before Redis before AMQP for the bus, and without any of them this process alone. */
export function composeBus(parts: BusParts): BusSide {
  const bus = createBus(parts);
  const streams = createStreams(parts);
  const handler = createHandler(parts);
  const { health } = bus;
  return {
    bus,
    streams,
    handler,
    services: [bus, ...(streams === undefined ? [] : [streams]), ...(handler === undefined ? [] : [handler])],
    checks: [
      ...(health === undefined
        ? []
        : [{ name: 'bus', critical: false, check: (signal: AbortSignal) => health.call(bus, signal) }]),
      ...(streams === undefined
        ? []
        : [{ name: 'streams', critical: false, check: (signal: AbortSignal) => streams.health(signal) }]),
      ...(handler === undefined
        ? []
        : [{ name: 'events', critical: false, check: (signal: AbortSignal) => handler.health(signal) }]),
    ],
  };
}

function createBus({ config, clock, logger }: BusParts): MessageBus {
  const { NATS_URL: nats, REDIS_URL: redis, AMQP_URL: amqp, REDIS_STREAM_PREFIX: prefix } = config;
  if (nats !== undefined) return new NatsBus({ clock, logger, url: nats });
  if (redis !== undefined)
    return new RedisBus({
      clock,
      logger,
      redis: createRedis(redis, { clock, logger }),
      subscriber: createRedisSubscriber(redis, { clock, logger }),
      prefix: `${prefix}agent33:bus:`,
    });
  if (amqp !== undefined) return new AmqpBus({ clock, logger, url: amqp });
  return new InProcessBus({ clock, logger });
}

function createStreams({ config, clock, logger }: BusParts): EventStreams | undefined {
  const { REDIS_URL: url, REDIS_STREAM_PREFIX: prefix } = config;
  if (url === undefined) return undefined;
  return new RedisStreams({ clock, logger, redis: createRedis(url, { clock, logger }), prefix });
}

function createHandler({ config, clock, logger, events, onEvent }: BusParts): EventHandler | undefined {
  if (events?.handler !== 'amqp') return undefined;
  const { broker_url: named, exchange, queue, subscribe } = events.config;
  const url = named ?? config.AMQP_URL;
  if (url === undefined || !/^amqps?:\/\//.test(url) || !URL.canParse(url))
    throw new AppError(
      'invalid_config',
      'spec.events.config.broker_url: the handler amqp needs an address that begins with amqp:// or amqps://',
    );
  return new AmqpEventHandler({ clock, logger, url, exchange, queue, subscribe, onEvent });
}
