import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDefinitions } from './parse-definition.ts';

const head = 'apiVersion: agent33/v1\nkind: Agent\nmetadata:\n  name: helper\n';
const parse = (text: string, environment: Record<string, string> = {}) =>
  parseDefinitions('agents/helper.yaml', text, { environment });

describe('definitions', () => {
  it('are read from YAML and JSON, several in one file, in both spellings of names', () => {
    const { definitions, problems } = parse(
      `${head}spec:\n  limits: { max_steps: 3 }\n---\n${head.replace('helper', 'other')}spec:\n  limits: { maxSteps: 4 }\n`,
    );
    expect(problems).toEqual([]);
    expect(definitions.map((one) => one.kind === 'Agent' && one.spec.limits.maxSteps)).toEqual([3, 4]);
    const json = JSON.stringify({
      apiVersion: 'agent33/v1',
      kind: 'Agent',
      metadata: { name: 'x' },
      spec: {},
    });
    expect(parse(json)).toMatchObject({ problems: [], definitions: [{ metadata: { name: 'x' } }] });
  });

  it('are read in the flat form of older files', () => {
    const { definitions } = parse('{"name":"Old One","system_prompt":"Be kind.","model":"gpt-4o"}');
    expect(definitions).toMatchObject([
      { metadata: { name: 'old-one' }, spec: { instructions: 'Be kind.', model: { name: 'gpt-4o' } } },
    ]);
  });

  it.each([
    [
      'an unknown field',
      `${head}spec:\n  toolz: []\n`,
      6,
      3,
      'spec.toolz',
      '"toolz" — did you mean "tools"?',
    ],
    ['an unknown field far from all', `${head}spec:\n  zzz: []\n`, 6, 3, 'spec.zzz', 'unknown field "zzz"'],
    [
      'an unknown field of a long form',
      `${head}spec:\n  tools:\n    - name: web_fetch\n      domain: [a.com]\n`,
      8,
      7,
      'spec.tools.0.domain',
      'did you mean "domains"?',
    ],
    [
      'a wrong type where short and long forms are fine',
      `${head}spec:\n  model: 3\n`,
      6,
      10,
      'spec.model',
      'expected string or object, received number',
    ],
    [
      'a wrong setting of a long form',
      `${head}spec:\n  model:\n    nmae: x\n    temperature: hot\n`,
      8,
      18,
      'spec.model.temperature',
      'expected number, received string',
    ],
    [
      'a field in both spellings',
      `${head}spec:\n  limits:\n    max_steps: 3\n    maxSteps: 4\n`,
      7,
      16,
      'spec.limits.maxSteps',
      'given twice, as "max_steps" and as "maxSteps"',
    ],
    [
      'a wrong value behind snake case',
      `${head}spec:\n  limits:\n    max_tool_calls: none\n`,
      7,
      21,
      'spec.limits.maxToolCalls',
      'number',
    ],
    [
      'a variable that is not set',
      `${head}spec:\n  model:\n    config:\n      api_key: "\${NOT_THERE}"\n`,
      8,
      16,
      'spec.model.config.api_key',
      'the environment variable NOT_THERE is not set',
    ],
    [
      'a fault of the second document',
      `# nothing here\n---\n${head}spec: { toolz: [] }\n`,
      7,
      9,
      'spec.toolz',
      'unknown field',
    ],
    ['an alias that holds itself', '&a [*a]\n', 1, 5, '0', 'an alias leads back'],
    [
      'an alias that holds itself further in',
      `${head}spec:\n  variables: &v\n    self: *v\n`,
      7,
      11,
      'spec.variables.self',
      'an alias leads back',
    ],
    [
      'a number without end',
      `${head}spec:\n  variables: { most: .inf }\n`,
      6,
      22,
      'spec.variables.most',
      'Infinity is no number',
    ],
    [
      'a character that cannot be stored',
      `${head}spec:\n  description: "a\\0b"\n`,
      6,
      16,
      'spec.description',
      'U+0000',
    ],
    ['an empty file', ' \n', 1, 1, undefined, 'the file is empty'],
    ['a kind that is no text', 'kind: 3\n', 1, 7, 'kind', 'found 3'],
    [
      'a wrong type',
      `${head}spec:\n  limits:\n    maxSteps: many\n`,
      7,
      15,
      'spec.limits.maxSteps',
      'number',
    ],
    [
      'a value out of range',
      `${head}spec:\n  limits: { maxSteps: 0 }\n`,
      6,
      23,
      'spec.limits.maxSteps',
      '>=1',
    ],
    ['an unknown kind', head.replace('Agent', 'Agnet'), 2, 7, 'kind', 'did you mean "Agent"'],
    ['no kind', 'metadata: { name: x }\n', 1, 1, 'kind', 'found nothing'],
    ['another version', head.replace('agent33/v1', 'v9'), 1, 13, 'apiVersion', 'agent33/v1'],
    ['a bad name', head.replace('helper', '"Big Name"'), 4, 9, 'metadata.name', ''],
    ['a list', '- a\n- b\n', 1, 1, undefined, 'expected a definition'],
    ['a key twice', `${head}kind: Agent\n`, 5, 1, undefined, '"kind" stands here twice'],
    ['broken YAML', 'kind: [Agent\nmetadata: {', 2, 1, undefined, ''],
    ['an unknown alias', 'kind: *nobody\n', 1, 1, undefined, ''],
    ['a custom tag', 'kind: !!js/function "x"\n', 1, 7, undefined, 'tag'],
  ])('name the place of %s', (_name, text, line, column, field, message) => {
    const { definitions, problems } = parse(text);
    expect(definitions).toEqual([]);
    expect(problems[0]).toMatchObject({ file: 'agents/helper.yaml', line, column });
    expect(problems[0]?.field).toBe(field);
    expect(problems[0]?.message).toContain(message);
  });

  it('are refused when they are too large or expand without end', () => {
    expect(parse(`# ${'x'.repeat(1024 * 1024)}`).problems).toHaveLength(1);
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (const [index, name] of 'b c d e f g h i'.split(' ').entries())
      bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefghi'[index]}`).join(',')}]`);
    expect(parse(bomb.join('\n')).problems).toMatchObject([
      { message: expect.stringMatching(/alias/i) as string },
    ]);
  });

  it.each([
    ['lists', '['.repeat(100_000)],
    ['maps', `{"a":${'{"a":'.repeat(20_000)}`],
    ['blocks', `${'- '.repeat(20_000)}x`],
    ['valid lists', `${head}spec: { variables: { a: ${'['.repeat(120)}${']'.repeat(120)} } }`],
  ])('are refused, with one fault, when they nest %s too deeply', (_name, text) => {
    expect(parse(text)).toMatchObject({ definitions: [], problems: [{ message: 'nested too deeply' }] });
    expect(parse(text).problems).toHaveLength(1);
  });

  it('name every unknown field, but not thousands of them', () => {
    const fields = (count: number): string =>
      Array.from({ length: count }, (_, index) => `  zz${index}: 1\n`).join('');
    expect(parse(`${head}spec:\n${fields(3)}`).problems.map((one) => [one.line, one.field])).toEqual([
      [6, 'spec.zz0'],
      [7, 'spec.zz1'],
      [8, 'spec.zz2'],
    ]);
    const { problems } = parse(`${head}spec:\n${fields(5000)}`);
    expect(problems).toHaveLength(51);
    expect(problems.at(-1)).toEqual({ file: 'agents/helper.yaml', message: '4950 more faults' });
  });

  it('are none in a file of comments, and those that are fine stay beside one with a fault', () => {
    expect(parse('# switched off\n# kind: Agent\n')).toMatchObject({ definitions: [], problems: [] });
    const { definitions, locators, problems } = parse(
      `${head}spec: {}\n---\n${head}spec: { toolz: 1 }\n---\n${head.replace('helper', 'third')}spec: {}\n`,
    );
    expect(definitions.map((one) => one.metadata.name)).toEqual(['helper', 'third']);
    expect(locators.map((locate) => locate(['metadata', 'name']))).toEqual([
      { line: 4, column: 9 },
      { line: 16, column: 9 },
    ]);
    expect(problems).toMatchObject([{ line: 11, field: 'spec.toolz' }]);
  });

  it('keep secrets out: a reference stays one, but must name a variable that is set', () => {
    const text = `${head}spec:\n  model: { provider: openai, config: { api_key: "\${MY_KEY}" } }\n`;
    expect(parse(text).problems[0]?.message).toBe('the environment variable MY_KEY is not set');
    const { definitions } = parse(text, { MY_KEY: 'sk-very-secret' });
    expect(JSON.stringify(definitions)).toContain('${MY_KEY}');
    expect(JSON.stringify(definitions)).not.toContain('sk-very-secret');
  });

  it('take channel tokens from the environment, and need none while the channel is off', () => {
    const channel = (enabled: boolean): string =>
      `apiVersion: agent33/v1\nkind: Channel\nmetadata: { name: t }\nspec: { platform: telegram, agent: a, token: "\${TOKEN}", enabled: ${enabled} }\n`;
    expect(parse(channel(true), { TOKEN: '1:x' }).definitions).toMatchObject([{ spec: { token: '1:x' } }]);
    expect(parse(channel(true)).problems).toHaveLength(1);
    expect(parse(channel(false)).problems).toEqual([]);
  });

  it('never throw, whatever the file holds', () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom(
        head,
        'spec:\n',
        '  tools: [',
        '- ',
        ': ',
        '&a ',
        '*a',
        '!!binary ',
        '{',
        '"',
        '---\n',
        '\t',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const { definitions, problems } = parse(pieces.join(''));
        expect(Array.isArray(definitions) && Array.isArray(problems)).toBe(true);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => parse(JSON.stringify(value))).not.toThrow();
      }),
    );
  });
});
