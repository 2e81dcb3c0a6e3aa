import { z } from 'zod';
import { definitionVersion, durationMs, metadata } from './metadata.ts';
import { targetSpec } from './target.ts';

const sensorSpec = z.strictObject({
  description: z.string().max(2000).default(''),
  enabled: z.boolean().default(true),
  type: z.string().min(1).max(100).describe('file_change, freshness, event, or one that a plugin brings.'),
  config: z.record(z.string(), z.unknown()).default({}).describe('Settings of the type.'),
  interval: durationMs.default(5000).describe('How often it looks, for types that look.'),
  debounce: durationMs
    .default(0)
    .describe('Waits until nothing more happened for this long; one run for all of it.'),
  start: targetSpec,
  inputs: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Input of the run; {{ event }} is what the sensor saw.'),
});

/** `kind: Sensor`. */
export const sensorDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('Sensor'),
    metadata,
    spec: sensorSpec,
  })
  .describe('Starts something when it sees something.');

export type SensorDefinition = z.output<typeof sensorDefinition>;
export type SensorSpec = z.output<typeof sensorSpec>;
