import { z } from 'zod';
import { approvalSpec, type ApprovalSpec } from './approval.ts';
import { definitionVersion, durationMs, metadata } from './metadata.ts';

/** Name of a step: unique in its workflow, and what expressions and the journal call it. */
const stepId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'expected letters, digits, "-" or "_", beginning with a letter')
  .describe('Unique name of the step; expressions read steps.<id>.output.');

const jsonSchema = z.record(z.string(), z.unknown()).describe('JSON Schema.');

const expression = z.string().min(1).max(20_000);

/** One input or output: a JSON Schema, or the short form with `type`, `default`, `required`, `description`. */
const ports = z
  .record(z.string().min(1).max(64), z.union([z.string(), jsonSchema]))
  .describe('By name: a JSON Schema, or only a type such as "string".');

const retry = z
  .strictObject({
    attempts: z.int().min(1).max(100).default(3).describe('Tries in all, the first one included.'),
    backoff: z
      .strictObject({
        initial: durationMs.default(1000),
        factor: z.number().min(1).max(100).default(2),
        max: durationMs.default(300_000),
      })
      .prefault({}),
    on: z
      .array(z.string().min(1))
      .default([])
      .describe('Error codes to try again for; those that are retryable when left out.'),
  })
  .describe('Tries again after a failure; the waits are durable.');

const compensation = z
  .strictObject({ action: z.string().min(1).max(100), inputs: z.record(z.string(), z.unknown()).default({}) })
  .describe('Undoes the step when the workflow fails later; runs in reverse order.');

export interface WorkflowStep {
  id: string;
  name?: string | undefined;
  description?: string | undefined;
  action: string;
  inputs: Record<string, unknown>;
  dependsOn: string[];
  when?: string | boolean | undefined;
  forEach?: { items: string | unknown[]; as: string; concurrency: number } | undefined;
  repeatUntil?: { condition: string; maxIterations: number; delay: number } | undefined;
  retry?: z.output<typeof retry> | undefined;
  timeout?: number | undefined;
  onError: 'fail' | 'continue' | { goto: string };
  approval?: ApprovalSpec | undefined;
  compensate?: z.output<typeof compensation> | undefined;
  /** Steps of a group: of `parallel_group`, or of `conditional` where its condition holds. */
  steps?: WorkflowStep[] | undefined;
  /** Steps of `conditional` where its condition does not hold. */
  else?: WorkflowStep[] | undefined;
}

/** A step as it is written. */
export interface WorkflowStepInput {
  id: string;
  name?: string | undefined;
  description?: string | undefined;
  action: string;
  inputs?: Record<string, unknown> | undefined;
  dependsOn?: string[] | undefined;
  when?: string | boolean | undefined;
  forEach?:
    | string
    | unknown[]
    | { items: string | unknown[]; as?: string | undefined; concurrency?: number | undefined }
    | undefined;
  repeatUntil?:
    | string
    | { condition: string; maxIterations?: number | undefined; delay?: string | number | undefined }
    | undefined;
  retry?: z.input<typeof retry> | number | undefined;
  timeout?: string | number | undefined;
  onError?: string | { goto: string } | undefined;
  approval?: boolean | z.input<typeof approvalSpec> | undefined;
  compensate?: z.input<typeof compensation> | undefined;
  steps?: WorkflowStepInput[] | undefined;
  else?: WorkflowStepInput[] | undefined;
}

const steps: z.ZodType<WorkflowStep[], WorkflowStepInput[]> = z.lazy(() => z.array(workflowStep).max(20_000));

const workflowStep = z.strictObject({
  id: stepId,
  name: z.string().max(200).optional().describe('For people.'),
  description: z.string().max(2000).optional(),
  action: z.string().min(1).max(100).describe('What the step does; `agent33 workflows actions` lists them.'),
  inputs: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('What the action needs; texts may hold {{ expressions }}.'),
  dependsOn: z
    .array(stepId)
    .default([])
    .describe('Steps that come first, beside those that expressions name.'),
  when: z.union([expression, z.boolean()]).optional().describe('Skips the step unless this holds.'),
  forEach: z
    .union([
      expression,
      z.array(z.unknown()),
      z.strictObject({
        items: z.union([expression, z.array(z.unknown())]).describe('A list, or an expression that is one.'),
        as: z
          .string()
          .regex(/^[a-z_][a-z0-9_]*$/i)
          .default('item')
          .describe('Name of the element in expressions; `index` counts from 0.'),
        concurrency: z.int().min(1).max(1000).default(8),
      }),
    ])
    .transform((value) =>
      typeof value === 'string' || Array.isArray(value)
        ? { items: value, as: 'item', concurrency: 8 }
        : value,
    )
    .optional()
    .describe('Does the step once for each element; its output is the list of outputs.'),
  repeatUntil: z
    .union([
      expression,
      z.strictObject({
        condition: expression.describe('Sees `output` and `iteration` (from 0).'),
        maxIterations: z.int().min(1).max(10_000).default(100),
        delay: durationMs.default(0),
      }),
    ])
    .transform((value) =>
      typeof value === 'string' ? { condition: value, maxIterations: 100, delay: 0 } : value,
    )
    .optional()
    .describe('Does the step again until this holds.'),
  retry: z
    .union([
      z
        .int()
        .min(1)
        .max(100)
        .transform((attempts) => retry.parse({ attempts })),
      retry,
    ])
    .optional(),
  timeout: durationMs.optional().describe('Longest time of one try.'),
  onError: z
    .union([
      z.enum(['fail', 'continue']),
      z.strictObject({ goto: stepId }),
      z
        .string()
        .regex(/^goto:\s*\S+$/, 'expected "fail", "continue" or "goto: STEP"')
        .transform((value) => ({ goto: value.slice('goto:'.length).trim() })),
    ])
    .default('fail')
    .describe('fail: the workflow fails. continue: goes on without an output. goto: goes on with that step.'),
  approval: z
    .union([z.boolean().transform((asked) => (asked ? approvalSpec.parse({}) : undefined)), approvalSpec])
    .optional(),
  compensate: compensation.optional(),
  steps: steps.optional().describe('Steps of a group.'),
  else: steps.optional().describe('conditional: steps of the other branch.'),
});

const workflowSpec = z.strictObject({
  description: z.string().max(2000).default(''),
  inputs: ports.default({}),
  outputs: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Output by name, with {{ expressions }}; what emit_output steps gave when left out.'),
  outputSchema: jsonSchema.optional().describe('JSON Schema that the output has to fit.'),
  variables: z.record(z.string(), z.unknown()).default({}).describe('Constants: {{ variables.x }}.'),
  steps,
  limits: z
    .strictObject({
      timeout: durationMs.default(7 * 86_400_000).describe('Longest life of a run, waits included.'),
      concurrency: z.int().min(1).max(1000).default(32).describe('Steps side by side.'),
      maxStateBytes: z
        .int()
        .positive()
        .default(64 * 1024 * 1024)
        .describe('Most that the outputs of all steps of a run may come to.'),
    })
    .prefault({}),
});

/** `kind: Workflow`. */
export const workflowDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('Workflow'),
    metadata,
    spec: workflowSpec,
  })
  .describe('Steps that depend on each other, run durably.');

export type WorkflowDefinition = z.output<typeof workflowDefinition>;
export type WorkflowSpec = z.output<typeof workflowSpec>;
