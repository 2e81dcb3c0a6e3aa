import { beforeAll, expect, it } from 'vitest';
import { parseDefinitions, type DefinitionCheck } from '../definitions/index.ts';
import { createExpressions } from '../expressions/index.ts';
import { describeBuiltinActions } from './check-actions.ts';
import { createWorkflowCheck } from './check-workflow.ts';

let check: DefinitionCheck;
beforeAll(async () => {
  check = createWorkflowCheck({
    expressions: await createExpressions(),
    actions: describeBuiltinActions(),
  });
});

const parse = (value: object) =>
  parseDefinitions('workflow-definitions/research.workflow.json', JSON.stringify(value, null, 2), {
    checks: [check],
  });

// oxlint-disable unicorn/no-thenable -- the word of the old form
const sample = {
  name: 'Research-Report',
  version: '0.1.0',
  description: 'Finds out and writes down.',
  triggers: { manual: true, schedule: '0 6 * * *' },
  inputs: {
    topic: { type: 'string', description: 'What about', required: true },
    depth: { type: 'integer', default: 2 },
  },
  outputs: { report: { type: 'string' } },
  steps: [
    {
      id: 'research',
      name: 'Find out',
      action: 'invoke-agent',
      agent: 'researcher',
      inputs: { prompt: 'Find out about {{ topic }}' },
      retry: { max_attempts: 3, delay_seconds: 2 },
      timeout_seconds: 120,
    },
    {
      id: 'big',
      action: 'conditional',
      condition: 'depth > 1 and research.result != "depth"',
      depends_on: ['research'],
      then: [
        {
          id: 'write',
          action: 'invoke-agent',
          agent: 'writer',
          inputs: { notes: '{{ research.result }}', topic: '{{ topic }}' },
        },
      ],
      else: [{ id: 'pause', action: 'wait', duration_seconds: 5 }],
    },
    {
      id: 'log',
      action: 'run-command',
      command: 'git commit -m "about {{ topic }}" --quiet',
      depends_on: ['big'],
      condition: '{{ depth > 1 }}',
    },
  ],
  execution: { mode: 'dependency-aware', parallel_limit: 4, timeout_seconds: 600, continue_on_error: false },
  metadata: { author: 'ops', tags: ['research', 'daily'] },
};

it('a workflow in the flat form is one of ours', () => {
  const { definitions, problems } = parse(sample);
  expect(problems).toEqual([]);
  expect(definitions).toMatchObject([
    {
      kind: 'Workflow',
      metadata: {
        name: 'research-report',
        labels: {
          version: '0.1.0',
          author: 'ops',
          tags: 'research, daily',
          'triggers-schedule': '0 6 * * *',
        },
      },
      spec: {
        description: 'Finds out and writes down.',
        inputs: {
          topic: { type: 'string', description: 'What about' },
          depth: { type: 'integer', default: 2, required: false },
        },
        limits: { concurrency: 4, timeout: 600_000 },
        steps: [
          {
            id: 'research',
            name: 'Find out',
            action: 'invoke_agent',
            inputs: { agent: 'researcher', message: 'Find out about {{ inputs.topic }}' },
            retry: { attempts: 3, backoff: { initial: 2000, factor: 1 } },
            timeout: 120_000,
          },
          {
            action: 'conditional',
            inputs: { condition: 'inputs.depth > 1 and steps.research.output.text != "depth"' },
            dependsOn: ['research'],
            steps: [
              {
                id: 'write',
                inputs: {
                  agent: 'writer',
                  input: { notes: '{{ steps.research.output.text }}', topic: '{{ inputs.topic }}' },
                },
              },
            ],
            else: [{ id: 'pause', action: 'wait', inputs: { duration: '5s' } }],
          },
          {
            action: 'run_command',
            inputs: { command: ['git', 'commit', '-m', 'about {{ inputs.topic }}', '--quiet'] },
            when: '{{ inputs.depth > 1 }}',
          },
        ],
      },
    },
  ]);
});

it('steps that say no order are done one after the other, as they were', () => {
  const { definitions, problems } = parse({
    name: 'steps',
    steps: [
      { id: 'one', type: 'transform', inputs: { template: 'x' } },
      {
        id: 'two',
        action: 'http-request',
        url: 'https://example.com/{{ one.x }}',
        http_method: 'POST',
        http_body: { a: 1 },
      },
      { id: 'three', action: 'sub-workflow', sub_workflow: { name: 'other', inputs: { a: 1 } } },
      { id: 'four', action: 'wait', wait_condition: 'two.status == 200' },
    ],
    execution: { continue_on_error: true },
  });
  expect(problems).toEqual([]);
  expect(definitions).toMatchObject([
    {
      spec: {
        steps: [
          { id: 'one', dependsOn: [], onError: 'continue' },
          {
            id: 'two',
            dependsOn: ['one'],
            inputs: { url: 'https://example.com/{{ steps.one.output.x }}', method: 'POST', json: { a: 1 } },
          },
          {
            id: 'three',
            action: 'run_workflow',
            dependsOn: ['two'],
            inputs: { workflow: 'other', inputs: { a: 1 } },
          },
          {
            id: 'four',
            action: 'transform',
            inputs: { expression: 'steps.two.output.status == 200' },
            repeatUntil: { condition: 'output', delay: 1000 },
          },
        ],
      },
    },
  ]);
});

it('tells where the fault is in the file as it is written', () => {
  const [research, ...more] = sample.steps;
  const { problems } = parse({ ...sample, steps: [{ ...research, action: 'invoke-agnet' }, ...more] });
  expect(problems).toMatchObject([
    { line: 29, column: 17, message: expect.stringContaining('did you mean "invoke_agent"?') },
  ]);
  const unsupported = parse({ name: 'x', steps: [{ id: 'a', action: 'group-chat' }] });
  expect(unsupported.problems).toMatchObject([{ line: 6, message: 'there is no action "group_chat"' }]);
});
