import { describe, expect, it } from 'vitest';
import { parseDefinitions } from './parse-definition.ts';

const head = 'apiVersion: agent33/v1\nkind: Workflow\nmetadata: { name: w }\nspec:\n';
const step = (...lines: readonly string[]): string =>
  `${head}  steps:\n    - id: a\n      action: transform\n${lines.map((line) => `      ${line}\n`).join('')}`;
/** All that is said, with its place: nothing may be said beside what matters. */
const said = (text: string): readonly string[] =>
  parseDefinitions('w.yaml', text).problems.map(
    ({ line, column, field, message }) =>
      `${line}:${column} ${field === undefined ? '' : `${field}: `}${message}`,
  );
const braces = 'without quotes YAML reads the braces of an expression as a map; write';

describe('the one fault that is told of', () => {
  it.each([
    [
      'an expression without quotes',
      step('inputs:', '  expression: {{ inputs.topic }}'),
      `9:21 spec.steps.0.inputs.expression: ${braces} "{{ inputs.topic }}"`,
    ],
    [
      'a condition without quotes that holds some',
      step('when: {{ inputs.topic == "x" }}'),
      `8:13 spec.steps.0.when: ${braces} '{{ inputs.topic == "x" }}'`,
    ],
    [
      'one in the list of a line',
      step('inputs: { command: [echo, {{ inputs.topic }}] }'),
      `8:33 spec.steps.0.inputs.command.1: ${braces} "{{ inputs.topic }}"`,
    ],
    [
      'one where any value may stand',
      `${step()}  outputs:\n    x: {{ inputs.topic | upper }}\n`,
      `9:8 spec.outputs.x: ${braces} "{{ inputs.topic | upper }}"`,
    ],
    [
      'one with text after it',
      step('inputs:', '  template: {{ inputs.topic }} is nice # said', '  input: 3'),
      `9:19 ${braces} "{{ inputs.topic }} is nice # said"`,
    ],
    [
      'a statement without quotes',
      step('inputs:', '  template: {% if inputs.x %}x{% endif %}'),
      `9:19 ${braces} "{% if inputs.x %}x{% endif %}"`,
    ],
    [
      'tabs',
      `${head}  steps:\n\t- id: a\n\t  action: transform\n\t- id: b\n`,
      '6:1 tabs are not allowed as indentation: indent with spaces',
    ],
    [
      'a line too far in',
      step(' inputs: { expression: "1" }', 'timeout: 3s'),
      '8:8 this line is indented further than those it stands with; begin it in the same column',
    ],
    [
      'a line too far out',
      `${step()}    inputs: { expression: "1" }\n    - id: b\n      action: transform\n`,
      '8:5 this line is indented less or more than those it stands with; begin it in the same column',
    ],
    [
      'a colon in a text',
      `${head}  description: This: does something\n  steps: []\n`,
      '5:16 a value that holds ": " has to be in quotes: "This: does something"',
    ],
    [
      'no space after a colon',
      `${head}  steps:\n    - id:a\n      action: transform\n`,
      '6:7 a space is missing after "id:"',
    ],
    [
      'a quote that is not closed',
      step('inputs:', '  template: "{{ inputs.topic }}'),
      '9:19 the closing " of this text is missing',
    ],
    [
      'a sign that begins no text',
      step('inputs:', '  template: @ada'),
      '9:19 a value that begins with "@" has to be in quotes: "@ada"',
    ],
    [
      'a misspelt field',
      step('depend_on: [b]'),
      '8:7 spec.steps.0.dependOn: unknown field "depend_on" — did you mean "depends_on"?',
    ],
    [
      'a field in one word',
      step('foreach: [1]'),
      '8:7 spec.steps.0.foreach: unknown field "foreach" — did you mean "for_each"?',
    ],
    [
      'a field as GitHub Actions has it',
      step('if: "true"'),
      '8:7 spec.steps.0.if: unknown field "if" — did you mean "when"?',
    ],
    [
      'a required field that is misspelt',
      step('for_each: { item: inputs.x }'),
      '8:19 spec.steps.0.forEach.item: unknown field "item" — did you mean "items"?',
    ],
    [
      'a required field that is missing',
      `${head}  steps:\n    - { id: a }\n`,
      '6:7 spec.steps.0.action: is missing; expected string',
    ],
    [
      'a field of the wrong form of a union',
      step('on_error: { gotoo: b }'),
      '8:19 spec.steps.0.onError.gotoo: unknown field "gotoo" — did you mean "goto"?',
    ],
    [
      'a word that is none of those',
      step('on_error: contine'),
      '8:17 spec.steps.0.onError: expected "fail", "continue" or "goto: STEP"',
    ],
    [
      'no spec',
      'apiVersion: agent33/v1\nkind: Workflow\nmetadata: { name: w }\nsteps:\n  - { id: a, action: transform }\n',
      '4:1 steps: unknown field "steps": it belongs under "spec"',
    ],
  ])('is %s', (_name, text, fault) => {
    expect(said(text)).toEqual([fault]);
  });

  it('of an expression in quotes is none, whatever braces it holds', () => {
    expect(
      said(step('inputs: { template: "{{ inputs.x }} {% if y %}{% endif %}" } # {{ not this }}')),
    ).toEqual([]);
    expect(said(step('inputs: { input: { a: { b: {} } } }', 'when: inputs.x'))).toEqual([]);
  });

  it('is an expression that another parser has read as a map', () => {
    const lost = { '{ inputs.topic }': null };
    const spec = {
      steps: [{ id: 'a', action: 'transform', inputs: { input: [lost] } }],
      outputs: { x: lost },
    };
    expect(
      parseDefinitions(
        'body',
        JSON.stringify({ apiVersion: 'agent33/v1', kind: 'Workflow', metadata: { name: 'w' }, spec }),
      ).problems.map(({ field, message }) => [field, message]),
    ).toEqual([
      ['spec.steps.0.inputs.input.0', `${braces} "{{ inputs.topic }}"`],
      ['spec.outputs.x', `${braces} "{{ inputs.topic }}"`],
    ]);
  });

  it('of each document of a file is told', () => {
    expect(said(`${step('when: {{ a }}')}---\n${step('depend_on: [b]')}`)).toEqual([
      `8:13 spec.steps.0.when: ${braces} "{{ a }}"`,
      '17:7 spec.steps.0.dependOn: unknown field "depend_on" — did you mean "depends_on"?',
    ]);
  });
});
