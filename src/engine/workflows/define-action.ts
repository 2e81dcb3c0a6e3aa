import { z } from 'zod';
import { AppError, type Json, type JsonObject } from '../../base/index.ts';
import type { StepKind } from '../../protocol/index.ts';
import type {
  ActionCall,
  ActionEffect,
  ActionIo,
  DurableAction,
  DurableIo,
  GroupAction,
  StepAction,
} from './workflow-action.ts';

/** An `ActionCall` whose inputs have the type of the action's schema. */
export type TypedCall<P> = Omit<ActionCall, 'inputs'> & { readonly inputs: P };

interface Settings<P> {
  readonly name: string;
  readonly description: string;
  /** zod object schema of the inputs; becomes the JSON Schema that checks and editors use. */
  readonly inputs: z.ZodType<P>;
  /** zod schema of the output. */
  readonly output: z.ZodType;
  readonly literal?: readonly string[];
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest as JsonObject;
}

function describe<P>(settings: Settings<P>) {
  const { name, description, literal = [] } = settings;
  return {
    name,
    description,
    literal,
    inputs: schemaOf(settings.inputs, 'input'),
    output: schemaOf(settings.output, 'output'),
  };
}

/** Parses the inputs of a call; the last one is kept, because an act asks several times for the same. */
function typed<P>(settings: Settings<P>): (inputs: JsonObject) => P {
  let last: { readonly given: JsonObject; readonly parsed: P } | undefined;
  return (given) => {
    if (last?.given === given) return last.parsed;
    const result = settings.inputs.safeParse(given);
    if (!result.success) {
      const issues = result.error.issues.map((issue) => ({
        path: ['inputs', ...issue.path].join('.'),
        message: issue.message,
      }));
      const words = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
      throw new AppError('invalid_request', words, { details: { issues } });
    }
    last = { given, parsed: result.data };
    return result.data;
  };
}

/** Makes an action that happens within one journaled step. */
export function defineStepAction<P>(
  settings: Settings<P> & {
    readonly kind: StepKind;
    readonly effect: ActionEffect | ((inputs: P) => ActionEffect);
    readonly writes?: 'state' | 'output';
    readonly run: (call: TypedCall<P>, io: ActionIo) => Promise<Json> | Json;
  },
): StepAction {
  const parse = typed(settings);
  const { effect, writes } = settings;
  return {
    ...describe(settings),
    mode: 'step',
    kind: settings.kind,
    effect: typeof effect === 'function' ? (inputs) => effect(parse(inputs)) : () => effect,
    ...(writes === undefined ? {} : { writes }),
    run: async (call, io) => settings.run({ ...call, inputs: parse(call.inputs) }, io),
  };
}

/** Makes an action that waits durably or executes a child run. */
export function defineDurableAction<P>(
  settings: Settings<P> & {
    readonly holdsSlot: boolean;
    readonly run: (call: TypedCall<P>, durable: DurableIo) => Promise<Json>;
  },
): DurableAction {
  const parse = typed(settings);
  return {
    ...describe(settings),
    mode: 'durable',
    holdsSlot: settings.holdsSlot,
    run: async (call, durable) => settings.run({ ...call, inputs: parse(call.inputs) }, durable),
  };
}

/** Makes an action whose work is other steps. */
export function defineGroupAction<P>(
  settings: Settings<P> & {
    readonly choose: (call: TypedCall<P>) => 'steps' | 'else';
    readonly concurrency?: (inputs: P) => number | undefined;
    readonly outcome: (outputs: JsonObject, chosen: 'steps' | 'else') => Json;
  },
): GroupAction {
  const parse = typed(settings);
  return {
    ...describe(settings),
    mode: 'group',
    choose: (call) => settings.choose({ ...call, inputs: parse(call.inputs) }),
    concurrency: (inputs) => settings.concurrency?.(parse(inputs)),
    outcome: settings.outcome,
  };
}
