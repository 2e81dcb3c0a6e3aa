import { z } from 'zod';
import { configSchema } from './schema.ts';

/** Name of a setting, which is the name of its environment variable. */
export type SettingName = keyof z.output<typeof configSchema>;

/** A setting as it is explained to people. */
export interface Setting {
  readonly name: SettingName;
  readonly description: string;
  /** What a value must look like. */
  readonly expects: string;
  /** The default as one would write it; `undefined` where there is none. */
  readonly defaultText: string | undefined;
  /** Its value is never shown. */
  readonly secret: boolean;
}

interface FieldSchema {
  readonly description?: string;
  readonly expects?: string;
  readonly secret?: boolean;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

function expectation(field: FieldSchema): string {
  if (field.expects !== undefined) return field.expects;
  if (field.enum !== undefined) return `one of ${field.enum.join(', ')}`;
  if (field.type !== 'integer' && field.type !== 'number') return 'a text';
  const noun = field.type === 'integer' ? 'a whole number' : 'a number';
  if (field.exclusiveMinimum !== undefined) return `${noun} above ${field.exclusiveMinimum}`;
  const limits = [
    ...(field.minimum === undefined ? [] : [`from ${field.minimum}`]),
    ...(field.maximum === undefined ? [] : [`to ${field.maximum}`]),
  ];
  return [noun, ...limits].join(' ');
}

function textOfDefault(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** Every setting in the order of the schema; the reference page and `.env.example` are made from this. */
export function configSettings(): readonly Setting[] {
  const { properties = {} } = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  const defaults = configSchema.parse({});
  return Object.entries(properties).map(([key, property]) => {
    const name = key as SettingName;
    const field = property as FieldSchema;
    return {
      name,
      description: field.description ?? '',
      expects: expectation(field),
      defaultText: textOfDefault(defaults[name]),
      secret: field.secret ?? false,
    };
  });
}
