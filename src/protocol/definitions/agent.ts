import { z } from 'zod';
import { approvalSpec } from './approval.ts';
import { definitionName, definitionVersion, durationMs, metadata } from './metadata.ts';

export const modelSpec = z
  .union([
    z.string().min(1),
    z.strictObject({
      provider: z
        .string()
        .min(1)
        .optional()
        .describe(
          "openai, anthropic, ollama, local (an Ollama-style server), offline, custom, or a plugin's name; else chosen by the model name.",
        ),
      name: z.string().min(1).optional().describe("Model name; the platform's default model when left out."),
      config: z
        .record(z.string(), z.unknown())
        .default({})
        .describe('Provider settings such as base_url and api_key; ${NAME} takes an environment variable.'),
      temperature: z.number().min(0).max(2).optional(),
      maxTokens: z.int().positive().optional(),
      topP: z.number().min(0).max(1).optional(),
      seed: z.int().optional(),
      stop: z.array(z.string()).max(8).optional(),
      fallbacks: z
        .array(z.string().min(1))
        .max(5)
        .default([])
        .describe('Models to try when this one is unavailable.'),
    }),
  ])
  .transform((value) => (typeof value === 'string' ? { name: value, config: {}, fallbacks: [] } : value))
  .describe('The model: a name, or provider, name and settings.');

const toolUse = z
  .union([
    z.string().min(1),
    z.strictObject({
      name: z.string().min(1).describe('Name of a registered tool.'),
      domains: z
        .array(z.string().min(1))
        .default([])
        .describe('web_fetch: hosts it may reach. An empty list denies.'),
      paths: z
        .array(z.string().min(1))
        .default([])
        .describe('file_ops: folders it may use, relative to the project. An empty list denies.'),
      write: z.boolean().default(false).describe('file_ops: may it write?'),
      collection: z.string().min(1).optional().describe('knowledge_search: the one collection it searches.'),
      timeout: durationMs.optional().describe('Longest time of one call.'),
      approval: z
        .union([
          z
            .enum(['always', 'never'])
            .transform((when) => (when === 'always' ? approvalSpec.parse({}) : undefined)),
          approvalSpec,
        ])
        .optional()
        .describe(
          'always, or how a person is asked: each call waits for a decision about its exact arguments.',
        ),
    }),
  ])
  .transform((value) =>
    typeof value === 'string' ? { name: value, domains: [], paths: [], write: false } : value,
  );

const delegate = z
  .strictObject({
    agent: definitionName.optional(),
    team: definitionName.optional(),
    workflow: definitionName.optional(),
  })
  .refine(
    (value) => [value.agent, value.team, value.workflow].filter((name) => name !== undefined).length === 1,
    'expected exactly one of agent, team, workflow',
  );

const knowledgeUse = z
  .union([
    z.string().min(1),
    z.strictObject({
      name: z.string().min(1),
      path: z.string().min(1).describe('Folder of Markdown and text files, relative to the project.'),
    }),
  ])
  .transform((value) => (typeof value === 'string' ? { name: value, path: value } : value));

const limits = z
  .strictObject({
    maxSteps: z.int().min(1).max(100).default(12).describe('Most model calls in one run.'),
    timeout: durationMs
      .optional()
      .describe(
        'Longest life of one run, waits included: 5m when left out, 7d where it may wait for people.',
      ),
    maxToolCalls: z.int().min(0).max(1000).default(50).describe('Most tool calls in one run.'),
    parallelTools: z
      .int()
      .min(1)
      .max(32)
      .default(8)
      .describe('Tool calls of one answer that run side by side.'),
    budgetUsd: z
      .number()
      .positive()
      .optional()
      .describe('Most money that the model calls of one run may cost, in USD; reserved before each call.'),
  })
  .prefault({});

const memory = z
  .strictObject({
    session: z
      .strictObject({
        enabled: z.boolean().default(true).describe('Does the agent see earlier messages of its session?'),
        maxTokens: z
          .int()
          .positive()
          .default(8000)
          .describe('Token budget of the history; the oldest messages go first.'),
      })
      .prefault({}),
  })
  .prefault({});

const agentSpec = z.strictObject({
  description: z
    .string()
    .max(2000)
    .default('')
    .describe('What the agent is for; shown in lists and to other agents.'),
  model: modelSpec.optional(),
  instructions: z
    .string()
    .max(200_000)
    .default('')
    .describe('System prompt; {{ name }} takes a value of `variables`.'),
  variables: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Values for {{ … }} in the instructions.'),
  tools: z.array(toolUse).default([]).describe('Tools the agent may call; none when left out.'),
  delegates: z
    .array(delegate)
    .max(50)
    .default([])
    .describe('Agents, teams and workflows that the agent may give work to; each is a tool for it.'),
  askPeople: z
    .union([z.boolean().transform((may) => (may ? approvalSpec.parse({}) : undefined)), approvalSpec])
    .optional()
    .describe('May the agent ask a person and wait for the answer?'),
  knowledge: z.array(knowledgeUse).default([]).describe('Collections that knowledge_search may read.'),
  memory,
  limits,
  output: z
    .strictObject({ schema: z.record(z.string(), z.unknown()).describe('JSON Schema of the answer.') })
    .optional()
    .describe('Ask for a structured answer.'),
  runtime: z.string().min(1).default('agent').describe('agent, or a runtime that a plugin brings.'),
});

/** `kind: Agent`. */
export const agentDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('Agent'),
    metadata,
    spec: agentSpec,
  })
  .describe('An agent: a model with instructions, tools and limits.');

export type AgentDefinition = z.output<typeof agentDefinition>;
export type AgentSpec = z.output<typeof agentSpec>;
export type ModelSpec = NonNullable<AgentSpec['model']>;
export type ToolUse = AgentSpec['tools'][number];
export type Delegate = AgentSpec['delegates'][number];
