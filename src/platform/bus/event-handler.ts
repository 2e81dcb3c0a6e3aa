import type { HealthReport, Json, Service } from '../../base/index.ts';

/** Something that happened: outside, or in here. */
export interface BrokerEvent {
  /** The same id is the same event. `undefined`: its sender gave it none. */
  readonly id?: string | undefined;
  /** Dot-separated: `order.paid`, `agent.events.completed`. */
  readonly name: string;
  readonly payload: Json;
}

/** Connects the events of a project with a broker. */
export interface EventHandler extends Service {
  /** Takes in an event from outside; resolves when it is durable. Called by the handler itself for what its broker brings. */
  handle(event: BrokerEvent): Promise<void>;
  /** Sends an event out; resolves when the broker has it. */
  emit(event: BrokerEvent): Promise<void>;
  health(signal: AbortSignal): Promise<HealthReport>;
}
