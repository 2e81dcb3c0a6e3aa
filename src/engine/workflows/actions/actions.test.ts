import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError, type Json } from '../../../base/index.ts';
import { defineTool, ToolResult } from '../../../capabilities/tools/index.ts';
import type { ChildOutcome } from '../../runs/index.ts';
import { FakeClock } from '../../../testing/index.ts';
import {
  openStep,
  openWorkflow,
  testAction,
  type WorkflowGroundOptions,
} from '../../../testing/workflow-ground.ts';
import { createActionRegistry } from '../action-registry.ts';

describe('validate', () => {
  const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 1 } }, required: ['n'] };
  const rules = [
    { condition: 'value.n < 10', message: 'n is too large' },
    { expression: '{{ value.n % 2 == 0 }}', message: 'n is odd' },
  ];
  it('tells every fault of schema and rules', async () => {
    const fine = await openStep('validate', { value: { n: 4 }, schema, rules });
    expect(await fine.output()).toEqual({ valid: true, errors: [] });
    const told = await openStep('validate', { value: { n: 11 }, schema, rules, fail: false });
    expect(await told.output()).toEqual({ valid: false, errors: ['n is too large', 'n is odd'] });
    const failed = await openStep('validate', { value: { n: 0 }, schema });
    expect(await failed.failure()).toMatchObject({
      code: 'invalid_request',
      details: { errors: ['n: must be >= 1'] },
    });
  });
});

describe('transform', () => {
  it.each<[string, object, Json]>([
    ['an expression, which keeps its type', { expression: 'input.a + 1', input: { a: 2 } }, 3],
    ['an expression in braces', { expression: '{{ [1, 2]|length }}' }, 2],
    ['a template, which is a text', { template: 'n={{ input }}', input: 5 }, 'n=5'],
    [
      'a template of one expression, which is a text all the same',
      { template: '{{ input }}', input: 5 },
      '5',
    ],
  ])('evaluates %s', async (_what, inputs, expected) => {
    expect(await (await openStep('transform', inputs)).output()).toEqual(expected);
  });

  it('never evaluates what comes in as a value', async () => {
    const ground = await openWorkflow(
      'inputs: {t: string}\nsteps: [{id: a, action: transform, inputs: {template: "{{ input }}", input: "{{ inputs.t }}"}}]',
      { t: '{{ inputs.secret }}' },
    );
    expect(await ground.output()).toBe('{{ inputs.secret }}');
  });

  it('hands JSONata its input, or all that is visible', async () => {
    const seen: [string, Json][] = [];
    const options: WorkflowGroundOptions = {
      jsonata: () => ({
        evaluate: (expression, input) => {
          seen.push([expression, input]);
          return Promise.resolve('made');
        },
      }),
    };
    expect(
      await (await openStep('transform', { jsonata: '$sum(x)', input: { x: [1] } }, options)).output(),
    ).toBe('made');
    await (await openStep('transform', { jsonata: 'inputs' }, options)).output();
    expect(seen).toMatchObject([
      ['$sum(x)', { x: [1] }],
      ['inputs', { inputs: {}, variables: {}, run: { id: 'run_memory' } }],
    ]);
  });

  it('wants exactly one of them', async () => {
    const error = await (await openStep('transform', { expression: '1', template: 'x' })).failure();
    expect(error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/exactly one of/),
    });
  });
});

describe('call_tool', () => {
  const double = defineTool({
    name: 'double',
    description: 'Doubles.',
    parameters: z.strictObject({ n: z.number() }),
    effect: 'unkeyed',
    execute: ({ n }, context) =>
      Promise.resolve(
        n < 0
          ? ToolResult.fail('no negatives', 'invalid_request')
          : ToolResult.ok(`${2 * n}`, { data: { for: context.scope.principal } }),
      ),
  });
  it('calls it with the scope of the run, under governance', async () => {
    const options = { tools: [double] };
    expect(
      await (await openStep('call_tool', { tool: 'double', arguments: { n: 4 } }, options)).output(),
    ).toEqual({
      content: '8',
      data: { for: 'test' },
    });
    expect(
      await (await openStep('call_tool', { tool: 'double', arguments: { n: 'x' } }, options)).failure(),
    ).toMatchObject({
      code: 'invalid_request',
    });
    expect(
      await (await openStep('call_tool', { tool: 'double', arguments: { n: -1 } }, options)).failure(),
    ).toMatchObject({
      code: 'invalid_request',
      message: 'step "a": tool "double": no negatives',
    });
    const powerless = { ...options, scope: { tenant: 'default', principal: 'p', scopes: [] } };
    expect(
      (await (await openStep('call_tool', { tool: 'double', arguments: { n: 1 } }, powerless)).failure())
        .code,
    ).toBe('tool_denied');
    expect(await (await openStep('call_tool', { tool: 'dubble' }, options)).failure()).toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/did you mean "double"/),
    });
  });
});

describe('child runs', () => {
  const ended = (outcome: Partial<ChildOutcome>): WorkflowGroundOptions & { asked: unknown[] } => {
    const asked: unknown[] = [];
    return {
      asked,
      onChild: (target, input) => {
        asked.push([target, input]);
        return Promise.resolve({
          status: 'completed',
          output: null,
          usage: { inputTokens: 0, outputTokens: 0, costUsd: null },
          error: null,
          ...outcome,
        });
      },
    };
  };

  it('of an agent give its answer, in snake_case, with its run', async () => {
    const options = ended({
      output: { text: 'hi', citations: [], model: 'm', finishReason: 'stop', steps: 1 },
    });
    const ground = await openStep(
      'invoke_agent',
      { agent: 'writer', message: 'go', variables: { x: 1 } },
      options,
    );
    expect(await ground.output()).toEqual({
      text: 'hi',
      citations: [],
      model: 'm',
      finish_reason: 'stop',
      steps: 1,
      run_id: 'run_of_a',
    });
    expect(options.asked).toEqual([
      [
        { kind: 'agent', name: 'writer' },
        { message: 'go', variables: { x: 1 } },
      ],
    ]);
  });

  it('of an agent are held to the schema that the step names', async () => {
    const schema = { type: 'object', required: ['city'] };
    const options = ended({ output: { text: '{}', object: {} } });
    const error = await (
      await openStep('invoke_agent', { agent: 'writer', input: { q: 1 }, output_schema: schema }, options)
    ).failure();
    expect(error).toMatchObject({
      code: 'output_invalid',
      message: expect.stringMatching(/city: is missing/),
    });
    expect(options.asked).toMatchObject([[{}, { message: '{"q":1}', outputSchema: schema }]]);
  });

  it('of a team and a workflow take theirs', async () => {
    const team = ended({ output: { text: 'hi', members: [] } });
    expect(
      await (await openStep('invoke_team', { team: 'desk', message: 'go' }, team)).output(),
    ).toMatchObject({
      text: 'hi',
      run_id: 'run_of_a',
    });
    const other = ended({ output: { n: 1 } });
    expect(
      await (await openStep('run_workflow', { workflow: 'other', inputs: { k: 2 } }, other)).output(),
    ).toEqual({ n: 1 });
    expect(other.asked).toEqual([[{ kind: 'workflow', name: 'other' }, { k: 2 }]]);
  });

  it('that fail say which, with their own cause', async () => {
    const error = new AppError('model_unavailable', 'no model', { details: { step: 'inner' } }).toJSON();
    const failed = await openStep(
      'invoke_agent',
      { agent: 'writer', message: 'go' },
      ended({ status: 'failed', error }),
    );
    expect(await failed.failure()).toMatchObject({
      code: 'model_unavailable',
      message: 'step "a": agent "writer": no model',
      details: { step: 'a', run_id: 'run_of_a', cause: { step: 'inner' } },
    });
  });
});

describe('publish_event', () => {
  it('publishes under an id of its own, and says how many were told', async () => {
    const published: unknown[] = [];
    const ground = await openStep(
      'publish_event',
      { name: 'orders.paid', payload: { n: 1 } },
      {
        clock: new FakeClock(),
        events: {
          publish: (scope, event) => {
            published.push([scope.tenant, event]);
            return Promise.resolve(3);
          },
        },
      },
    );
    expect(await ground.output()).toEqual({ delivered: 3 });
    expect(published).toEqual([['default', { id: 'run_memory:a', name: 'orders.paid', payload: { n: 1 } }]]);
  });

  it.each(['a..b', 'a.', '.a', 'a b', ''])(
    'refuses the name %j before the event store does',
    async (name) => {
      const events = { publish: () => Promise.reject(new Error('must not be reached')) };
      const ground = await openStep(
        'publish_event',
        { name: `{{ '${name}' }}` },
        { clock: new FakeClock(), events },
      );
      expect(await ground.failure()).toMatchObject({
        code: 'invalid_request',
        message: expect.stringMatching(/inputs\.name/),
      });
    },
  );
});

describe('the registry of actions', () => {
  it('refuses a name that is taken and what is no action, and names the nearest', () => {
    const registry = createActionRegistry([testAction('greet', () => null)]);
    expect(() => registry.register(testAction('greet', () => null))).toThrow(/"greet" is registered already/);
    expect(() => registry.register({ name: 'Bad Name' } as never)).toThrow(
      /name: expected snake_case; description:.*inputs:.*output:.*mode:/,
    );
    expect(() => registry.get('gret')).toThrow(/no action "gret" — did you mean "greet"/);
    expect(registry.list().map((action) => action.name)).toEqual(['greet']);
  });
});
