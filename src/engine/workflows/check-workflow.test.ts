import { beforeAll, describe, expect, it } from 'vitest';
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

const head = `apiVersion: agent33/v1
kind: Workflow
metadata:
  name: report
spec:
  inputs:
    topic: string
    count: { type: integer, default: 3 }
    tags: { type: array, items: { type: string }, default: [] }
  variables: { tone: kind }
`;

const problemsOf = (body: string) =>
  parseDefinitions('workflows/report.yaml', head + body, { checks: [check] }).problems.map(
    ({ line, column, message }) => ({ line, column, message }),
  );

it('has nothing to say about a workflow that is right', () => {
  const body = `  outputs:
    text: "{{ steps.write.output.text }}"
    rejected: "{{ steps.ask.status }}"
  steps:
    - id: search
      action: http_request
      inputs: { url: "https://example.com/?q={{ inputs.topic | urlencode }}", method: POST, json: "{{ variables }}" }
      retry: 3
      on_error: "goto: help"
    - id: help
      action: emit_output
      inputs: { values: { why: "{{ error.message }}" } }
    - id: each
      action: transform
      for_each: { items: "{{ inputs.tags }}", as: tag, concurrency: 2 }
      inputs: { expression: "tag ~ index ~ variables.tone" }
      compensate: { action: set_state, inputs: { values: { undone: "{{ output }}" } } }
    - id: poll
      action: transform
      inputs: { jsonata: "$count(input)", input: "{{ steps.each.output }}" }
      repeat_until: { condition: "output >= inputs.count or iteration > 3", max_iterations: 5 }
    - id: big
      action: conditional
      inputs: { condition: "steps.search.output.status == 200 and state.seen is not defined" }
      steps:
        - id: write
          action: invoke_agent
          inputs: { agent: writer, message: "Write {{ inputs.count }} lines about {{ inputs.topic }}" }
          approval: { title: "Write about {{ inputs.topic }}?" }
      else:
        - id: ask
          action: approval
          inputs: { question: "And now, {{ run.id }}?", deadline: 2d }
    - id: check
      action: validate
      inputs:
        value: "{{ steps.write.output }}"
        rules: [{ condition: "value.text | length > 3", message: too short }]
`;
  expect(problemsOf(body)).toEqual([]);
});

const step = (lines: string): string =>
  `  steps:\n    - id: first\n      action: transform\n      inputs: { template: hello }\n${lines}`;

/** The body, the place and the message of its only fault. */
const faults: readonly [name: string, body: string, line: number, column: number, message: string][] = [
  [
    'an action with a typo',
    step('    - id: second\n      action: invoke_agnet\n'),
    16,
    15,
    'there is no action "invoke_agnet" — did you mean "invoke_agent"?',
  ],
  [
    'an action in the spelling of others',
    step('    - id: second\n      action: run-workflow\n      inputs: { workflow: x }\n'),
    16,
    15,
    'did you mean "run_workflow"?',
  ],
  [
    'a dependency with a typo',
    step(
      '    - id: second\n      action: transform\n      inputs: { template: x }\n      depends_on: [frist]\n',
    ),
    18,
    20,
    'there is no step "frist" — did you mean "first"?',
  ],
  [
    'an expression with the typo in a step',
    step(
      '    - id: second\n      action: transform\n      inputs:\n        template: "{{ steps.frist.output }}"\n',
    ),
    18,
    19,
    'there is no step "frist" — did you mean "first"?',
  ],
  [
    'an unknown input of the workflow',
    step(
      '    - id: second\n      action: transform\n      inputs:\n        template: "{{ inputs.topik }}"\n',
    ),
    18,
    19,
    'inputs has no "topik" — did you mean "topic"?',
  ],
  [
    'an unknown root',
    step(
      '    - id: second\n      action: transform\n      inputs:\n        template: "{{ input.topic }}{{ inpts.topic }}"\n',
    ),
    18,
    19,
    '"inpts" is not defined — did you mean "inputs"?',
  ],
  [
    'an unknown variable',
    step(
      '    - id: second\n      action: transform\n      inputs:\n        template: "{{ variables.tune }}"\n',
    ),
    18,
    19,
    'variables has no "tune" — did you mean "tone"?',
  ],
  [
    'an unknown field of a step',
    step(
      '    - id: second\n      action: transform\n      inputs:\n        template: "{{ steps.first.result }}"\n',
    ),
    18,
    19,
    'steps.first has output, status, error, but no "result"',
  ],
  [
    'an unknown field of an output',
    step(
      '    - id: second\n      action: run_command\n      inputs: { command: [date] }\n    - id: third\n      action: transform\n      inputs:\n        template: "{{ steps.second.output.stdot }}"\n',
    ),
    21,
    19,
    'steps.second.output has no "stdot" — did you mean "stdout"?',
  ],
  [
    'a list that is read as an object',
    step(
      '    - id: second\n      action: run_command\n      for_each: "{{ inputs.tags }}"\n      inputs: { command: [date] }\n    - id: third\n      action: transform\n      inputs:\n        template: "{{ steps.second.output.stdout }}"\n',
    ),
    22,
    19,
    'steps.second.output is a list and has no "stdout"',
  ],
  [
    'a computed name of a step',
    step(
      '    - id: second\n      action: transform\n      inputs:\n        template: "{{ steps[inputs.topic].output }}"\n',
    ),
    18,
    19,
    'steps needs the name of a step',
  ],
  [
    'an expression with a syntax error',
    step(
      '    - id: second\n      action: transform\n      inputs:\n        template: "{{ inputs.topic | }}"\n',
    ),
    18,
    19,
    'syntax error',
  ],
  [
    'a filter with a typo',
    step(
      '    - id: second\n      action: transform\n      inputs:\n        template: "{{ inputs.topic | uper }}"\n',
    ),
    18,
    19,
    'there is no filter "uper" — did you mean "upper"?',
  ],
  [
    'a condition that is none',
    step(
      '    - id: second\n      action: transform\n      when: "yes {{ inputs.topic }}"\n      inputs: { template: x }\n',
    ),
    17,
    13,
    'expected one expression',
  ],
  [
    'JSONata with a syntax error',
    step('    - id: second\n      action: transform\n      inputs: { jsonata: "$sum(" }\n'),
    17,
    26,
    'JSONata: ',
  ],
  [
    'an unknown input of an action',
    step('    - id: second\n      action: invoke_agent\n      inputs: { agent: writer, mesage: hello }\n'),
    17,
    40,
    'there is no input "mesage" — did you mean "message"?',
  ],
  [
    'a missing input of an action',
    step('    - id: second\n      action: invoke_agent\n      inputs: { message: hello }\n'),
    17,
    15,
    'the input "agent" is missing',
  ],
  [
    'an input of another type',
    step('    - id: second\n      action: run_command\n      inputs: { command: date }\n'),
    17,
    26,
    'expected array, found string',
  ],
  [
    'an expression of another type',
    step('    - id: second\n      action: run_command\n      inputs: { command: "{{ inputs.topic }}" }\n'),
    17,
    26,
    'expected array, but {{ inputs.topic }} is string',
  ],
  [
    'a choice with a typo',
    step(
      '    - id: second\n      action: http_request\n      inputs: { url: "https://a.com", method: PSOT }\n',
    ),
    17,
    47,
    'did you mean "POST"?',
  ],
  [
    'expressions where none are',
    step('    - id: second\n      action: call_tool\n      inputs: { tool: "{{ inputs.topic }}" }\n'),
    17,
    23,
    '"tool" takes no expressions',
  ],
  [
    'steps of an action that has none',
    step(
      '    - id: second\n      action: transform\n      inputs: { template: x }\n      steps: [{ id: third, action: emit_output, inputs: { values: {} } }]\n',
    ),
    18,
    14,
    '"transform" takes no steps of its own',
  ],
  ['a group without steps', step('    - id: second\n      action: parallel_group\n'), 16, 15, 'needs steps'],
  [
    'a step that is never done',
    step('    - id: second\n      action: transform\n      when: false\n      inputs: { template: x }\n'),
    17,
    13,
    '"second" is never done',
  ],
  [
    'a branch that is never done',
    step(
      '    - id: second\n      action: conditional\n      inputs: { condition: true }\n      steps: [{ id: a, action: emit_output, inputs: { values: {} } }]\n      else: [{ id: b, action: emit_output, inputs: { values: {} } }]\n',
    ),
    19,
    13,
    'these steps are never done: the condition always holds',
  ],
  [
    'an error where nobody goes to',
    step('    - id: second\n      action: transform\n      inputs: { template: "{{ error.message }}" }\n'),
    17,
    27,
    'only a step that on_error goes to has it',
  ],
  [
    'a loop over no list',
    step(
      '    - id: second\n      action: transform\n      for_each: "{{ inputs.topic }}"\n      inputs: { template: x }\n',
    ),
    17,
    17,
    'expected a list, but {{ inputs.topic }} is string',
  ],
  [
    'a loop that takes a name with a meaning',
    step(
      '    - id: second\n      action: transform\n      for_each: { items: [1], as: steps }\n      inputs: { template: x }\n',
    ),
    17,
    35,
    '"steps" has a meaning already',
  ],
  [
    'the element outside of its loop',
    step('    - id: second\n      action: transform\n      inputs: { template: "{{ item }}" }\n'),
    17,
    27,
    '"item" is not defined',
  ],
  [
    'a circle',
    '  steps:\n    - { id: a, action: transform, inputs: { template: x }, depends_on: [c] }\n    - { id: b, action: transform, inputs: { template: "{{ steps.a.output }}" } }\n    - { id: c, action: transform, inputs: { template: x }, depends_on: [b] }\n',
    12,
    73,
    'steps wait for each other in a circle: a → c → b → a',
  ],
  [
    'an output with a typo',
    '  outputs: { text: "{{ steps.frist.output }}" }\n' + step(''),
    11,
    20,
    'there is no step "frist" — did you mean "first"?',
  ],
  [
    'an unknown action that would undo',
    step(
      '    - id: second\n      action: transform\n      inputs: { template: x }\n      compensate: { action: undo_it }\n',
    ),
    18,
    29,
    'there is no action "undo_it"',
  ],
];

describe('tells where the fault is:', () => {
  it.each(faults)('%s', (_name, body, line, column, message) => {
    const problems = problemsOf(body);
    expect(problems.map((one) => one.message)).toEqual([expect.stringContaining(message)]);
    expect(problems[0]).toMatchObject({ line, column });
  });

  it.each([
    ['    topic: strng\n', 'there is no type "strng" — did you mean "string"?'],
    ['    topic: { type: integer, default: many }\n', 'expected integer, found string'],
  ])('an input such as %s', (port, message) => {
    const text = `apiVersion: agent33/v1\nkind: Workflow\nmetadata: { name: x }\nspec:\n  inputs:\n${port}  steps: []\n`;
    const { problems } = parseDefinitions('w.yaml', text, { checks: [check] });
    expect(problems).toMatchObject([{ line: 6, message: expect.stringContaining(message) }]);
  });
});

it('checks 5,000 steps without holding up the process', () => {
  const lines = Array.from(
    { length: 5000 },
    (_one, index) =>
      `    - { id: s${index}, action: transform, inputs: { template: "{{ inputs.topic }}${index === 0 ? '' : `{{ steps.s${index - 1}.output }}`}" } }\n`,
  );
  const { definitions } = parseDefinitions('w.yaml', `${head}  steps:\n${lines.join('')}`);
  const [definition] = definitions;
  if (definition === undefined) throw new Error('not read');
  const started = process.cpuUsage();
  expect(check(definition)).toEqual([]);
  const { user, system } = process.cpuUsage(started);
  expect((user + system) / 1e6).toBeLessThan(2);
});
