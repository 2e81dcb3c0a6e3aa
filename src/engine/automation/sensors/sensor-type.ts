import type { z } from 'zod';
import { AppError, didYouMean, type Json, type JsonObject } from '../../../base/index.ts';

/** What a sensor's look is given. */
export interface SensorLook<Config> {
  readonly tenant: string;
  readonly config: Config;
  /** What the last look returned; `null` at the first one, which sets the base and usually reports nothing. */
  readonly state: Json;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  /** Most events to report; what is beyond is left for the next look by not noting it in the state. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

export interface SensorFinding {
  /** Kept in the database; below a few megabytes of JSON. */
  readonly state: Json;
  readonly events: readonly JsonObject[];
  /** There is more: look again at once. */
  readonly more?: boolean;
}

/**
 * A kind of sensor. Its looks are made by one process at a time and repeated after a crash, so a look changes nothing
 * outside: what it saw counts once its state is stored. A rejection is shown in the sensor's state and tried again.
 */
export interface SensorType<Config = unknown> {
  readonly name: string;
  /** Of `spec.config`, whose keys come in camelCase. */
  readonly configSchema: z.ZodType<Config>;
  /** Looks at once when an event is published, not only at intervals. */
  readonly wakesOnEvents?: boolean;
  look(look: SensorLook<Config>): Promise<SensorFinding>;
}

/** Types of sensors by name. */
export class SensorRegistry {
  readonly #types = new Map<string, SensorType>();

  /** Error: `conflict` for a name that is taken. */
  register<Config>(type: SensorType<Config>): void {
    if (this.#types.has(type.name))
      throw new AppError('conflict', `there is a sensor type "${type.name}" already`);
    this.#types.set(type.name, type);
  }

  get names(): readonly string[] {
    return [...this.#types.keys()];
  }

  /** Error: `invalid_definition` with the nearest name. */
  get(name: string): SensorType {
    const type = this.#types.get(name);
    if (type === undefined)
      throw new AppError(
        'invalid_definition',
        `there is no sensor type "${name}"${didYouMean(name, this.names)}`,
      );
    return type;
  }
}

/** Config as a type wants it; each fault with its path. */
export function parseSensorConfig(
  type: Pick<SensorType, 'configSchema'>,
  config: Readonly<Record<string, unknown>>,
) {
  const camel = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
  return type.configSchema.safeParse(camel);
}
