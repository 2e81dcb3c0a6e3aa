import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../base/index.ts';
import { createExpressions } from './create-expressions.ts';
import type { Expressions } from './expressions.ts';

let expressions: Expressions;
beforeAll(async () => {
  expressions = await createExpressions();
});

const scope: JsonObject = {
  inputs: {
    name: 'Ada',
    count: 5,
    half: 1.5,
    yes: true,
    nothing: null,
    list: [3, 1, { k: 'v' }],
    object: { z: 1, a: { b: 'deep' } },
    html: '<b>&"\'',
    empty: '',
    json: '{"a": [1, null]}',
    when: '2026-03-01T23:30:00Z',
  },
  steps: { 'a-b': { output: { items: [{ name: 'first' }] }, status: 'completed', error: null } },
};

const evaluate = (template: Json): Json => expressions.evaluate(template, scope);
const failure = (template: Json): string => {
  try {
    evaluate(template);
  } catch (error) {
    expect(error).toMatchObject({ code: 'expression_failed' });
    return (error as Error).message;
  }
  throw new Error('expected a failure');
};

describe('a single expression keeps its type', () => {
  it.each<[string, Json]>([
    ['{{ inputs.name }}', 'Ada'],
    ['{{ inputs.count }}', 5],
    ['{{ inputs.half }}', 1.5],
    ['{{ inputs.yes }}', true],
    ['{{ inputs.nothing }}', null],
    ['{{ inputs.list }}', [3, 1, { k: 'v' }]],
    ['{{ inputs.object }}', { z: 1, a: { b: 'deep' } }],
    ['{{ inputs["object"]["a"].b }}', 'deep'],
    ['{{ steps["a-b"].output.items[0].name }}', 'first'],
    ['{{ inputs.list[-1].k }}', 'v'],
    ['{{ inputs.list[0:2] }}', [3, 1]],
    [' \n{{- inputs.count -}}\n', 5],
    ['{{ inputs.count + 1 }}', 6],
    ['{{ inputs.count / 2 }}', 2.5],
    ['{{ inputs.count // 2 }}', 2],
    ['{{ inputs.count > 3 and inputs.yes }}', true],
    ['{{ inputs.html ~ "!" }}', '<b>&"\'!'],
    ['{{ [inputs.name, inputs.object.a] }}', ['Ada', { b: 'deep' }]],
    ['{{ {"n": inputs.count, "x": none} }}', { n: 5, x: null }],
    ['{{ inputs.list | length }}', 3],
    ['{{ inputs.list | first }}', 3],
    ['{{ inputs.name if inputs.count > 3 else "few" }}', 'Ada'],
    ['{{ "}}" ~ "{{" }}', '}}{{'],
    ['{{ 9007199254740991 }}', 9007199254740991],
    ['{{ 1e300 }}', 1e300],
    ['{{ "\\u0000undefined"[1:] }}', 'undefined'],
    ['{{ inputs.json | fromjson }}', { a: [1, null] }],
  ])('%s', (template, value) => {
    expect(evaluate(template)).toEqual(value);
  });

  it('whatever value it is', () => {
    const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
    fc.assert(
      fc.property(json, (value) => {
        const own = { value, inputs: { deep: [value] } };
        expect(expressions.evaluate('{{ value }}', own)).toEqual(value);
        expect(expressions.evaluate('{{ inputs.deep[0] }}', own)).toEqual(value);
        // Through the engine and back.
        expect(expressions.evaluate('{{ [value, 1] }}', own)).toEqual([value, 1]);
      }),
      { numRuns: 300 },
    );
  });

  it('and a whole number that cannot be kept exactly is an error instead of another number', () => {
    expect(failure('{{ 9007199254740993 }}')).toContain('too large to be kept exactly');
    expect(evaluate('{{ 9007199254740993 | string }}')).toBe('9007199254740993');
  });

  it('and what is no number is an error instead of nothing', () => {
    expect(failure('{{ inputs.count / 0 }}')).toContain('is no finite number');
    expect(evaluate('{{ none if inputs.yes else 1 }}')).toBeNull();
  });
});

describe('other texts become text', () => {
  it.each([
    ['Hello {{ inputs.name }}, {{ inputs.count }}!', 'Hello Ada, 5!'],
    ['{{ inputs.name }}{{ inputs.name }}', 'AdaAda'],
    ['{{ inputs.yes }} {{ inputs.nothing }} {{ inputs.half }}', 'true none 1.5'],
    ['data: {{ inputs.list | tojson }}', 'data: [3,1,{"k":"v"}]'],
    ['{% for one in inputs.list %}{{ loop.index }}{% if not loop.last %},{% endif %}{% endfor %}', '1,2,3'],
    ['{% set x = inputs.count * 2 %}{{ x }} {{ x }}', '10 10'],
    ['{# nothing #}a {% raw %}{{ b }}{% endraw %}', 'a {{ b }}'],
    ['{% macro greet(who) %}Hi {{ who }}{% endmacro %}{{ greet(inputs.name) }}.', 'Hi Ada.'],
    ['<{{ inputs.html }}>', '<<b>&"\'>'],
    ['plain { } text', 'plain { } text'],
  ])('%s', (template, text) => {
    expect(evaluate(template)).toBe(text);
  });

  it('in lists and objects, at any depth; keys are not touched', () => {
    expect(
      evaluate({ '{{ k }}': [1, '{{ inputs.count }}', { deep: 'x{{ inputs.name }}' }], n: null }),
    ).toEqual({
      '{{ k }}': [1, 5, { deep: 'xAda' }],
      n: null,
    });
  });
});

describe('what is missing', () => {
  it.each([
    ['{{ inputs.nmae }}', 'inputs has no "nmae" — did you mean "name"?'],
    ['Hi {{ inputs.nmae }}', 'inputs has no "nmae" — did you mean "name"?'],
    ['{{ input.name }}', '"input" is not defined — did you mean "inputs"?'],
    ['{{ inputs.object.a.c }}', 'inputs.object.a has no "c"'],
    ['{{ inputs.object.x.y.z }}', 'inputs.object has no "x"'],
    ['{{ inputs.list[7] }}', 'inputs.list is a list of 3 and has no "7"'],
    ['{{ inputs.list.size }}', 'inputs.list is a list of 3 and has no "size"'],
    ['{{ inputs.count.x }}', 'inputs.count is a number and has no "x"'],
    ['{{ inputs.nothing.x }}', 'inputs.nothing is null and has no "x"'],
    ['{{ [inputs.nmae] }}', 'inputs has no "nmae"'],
    ['{{ {"a": inputs.nmae} }}', 'inputs has no "nmae"'],
    ['{{ inputs.nmae == "Ada" }}', 'inputs has no "nmae"'],
    ['{{ not inputs.nmae }}', 'inputs has no "nmae"'],
    ['{{ inputs.nmae ~ "x" }}', 'inputs has no "nmae"'],
    ['{{ inputs.nmae | upper }}', 'inputs has no "nmae"'],
    ['{{ inputs.nmae | length + 1 }}', 'inputs has no "nmae"'],
    ['{{ inputs.count > 3 and inputs.nmae }}', 'inputs has no "nmae"'],
    ['{% if inputs.nmae %}x{% endif %}', 'inputs has no "nmae"'],
    ['{% for x in inputs.nmae %}x{% endfor %}', 'inputs has no "nmae"'],
    ['{{ 1 if inputs.count > 9 }}', 'gives nothing (undefined)'],
    ['{{ [] | first }}', 'gives nothing (undefined)'],
    ['{{ inputs[inputs.name] }}', 'gives nothing (undefined)'],
    ['{{ inputs[inputs.name].x }}', 'undefined'],
    ['{% for x in inputs.list %}{{ x.nope }}{% endfor %}', 'undefined'],
  ])('fails: %s', (template, reason) => {
    const message = failure(template);
    expect(message).toContain(reason);
    expect(message.startsWith(template)).toBe(true);
  });

  it.each<[string, Json]>([
    ['{{ inputs.nmae is defined }}', false],
    ['{{ inputs.name is defined }}', true],
    ['{{ inputs.a.b.c is not defined }}', true],
    ['{{ (inputs.nmae) is undefined }}', true],
    ['{{ inputs.nmae | default("x") }}', 'x'],
    ['{{ steps.gone.output.text | d(inputs.count) }}', 5],
    ['{{ inputs.nmae if inputs.nmae is defined else "none" }}', 'none'],
    ['{{ inputs.count > 9 and inputs.nmae }}', false],
    ['{{ inputs.yes or inputs.nmae }}', true],
    ['{{ inputs.empty | default("x", true) }}', 'x'],
  ])('may be asked for: %s', (template, value) => {
    expect(evaluate(template)).toEqual(value);
  });
});

describe('a condition', () => {
  it.each<[string | boolean, boolean]>([
    [true, true],
    [false, false],
    ['inputs.count > 3', true],
    ['{{ inputs.count > 9 }}', false],
    ['inputs.name', true],
    ['inputs.empty', false],
    ['inputs.nothing', false],
    ['inputs.list', true],
    ['[]', false],
    ['{}', false],
    ['inputs.count - 5', false],
    ['inputs.name in ["Ada", "Bob"]', true],
    ['steps["a-b"].status == "completed"', true],
    ['inputs.nmae is defined and inputs.nmae.x', false],
  ])('%s', (expression, holds) => {
    expect(expressions.condition(expression, scope)).toBe(holds);
  });

  it.each([
    ['inputs.nmae', 'inputs has no "nmae"'],
    ['yes {{ inputs.yes }}', 'expected one expression'],
    ['{% if true %}1{% endif %}', 'expected one expression'],
    ['inputs.count >', 'syntax error'],
    ['inputs.count > 1 && inputs.name', 'write "and" for "&&"'],
    ['inputs.count || inputs.name', 'write "or" for "||"'],
    ['inputs.count === 1', 'write "==" to compare'],
    ['inputs.count = 1', 'write "==" to compare'],
    ['!inputs.count', 'write "not" for "!"'],
    ['inputs.count ? 1 : 2', 'write "a if condition else b"'],
  ])('fails: %s', (expression, reason) => {
    expect(() => expressions.condition(expression, scope)).toThrow(reason);
  });
});

describe('faults', () => {
  it.each([
    ['{{ inputs.name | }}', 'syntax error'],
    ['{{ inputs.name', 'syntax error'],
    ['{% if x %}', 'syntax error'],
    ['{{ a) + (b }}', 'syntax error'],
    ['{{ x | uper }}', 'there is no filter "uper" — did you mean "upper"?'],
    ['{{ x is definde }}', 'there is no test "definde" — did you mean "defined"?'],
    ['{{ rnage(3) }}', 'there is no function "rnage" — did you mean "range"?'],
    ['{{ x.upper() }}', 'values have no methods such as "upper": take a filter — did you mean "upper"?'],
    ['{% include "x" %}', '{% include %} is not available here'],
    ['{% import "x" as y %}', '{% import %} is not available here'],
    ['{% from "x" import y %}', '{% from %} is not available here'],
    ['{% extends "x" %}', '{% extends %} is not available here'],
    [`{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}`, 'recursion limit'],
    [`{{ ${'-'.repeat(100_000)}1 }}`, 'nested too deeply'],
    ['x'.repeat(200_001) + '{{ a }}', 'longer than 200000 characters'],
  ])('%.40s', (template, reason) => {
    expect(expressions.fault(template)).toContain(reason);
    expect(failure(template)).toContain(reason);
  });

  it('are looked for everywhere, and not where there are none', () => {
    expect(expressions.fault({ a: [1, null, 'x', { b: '{{ inputs.x | }}' }] })).toContain('syntax error');
    expect(
      expressions.fault({ a: ['{{ inputs.x }}', '{% set x = 1 %}{{ x }}', '{', '}} {{ "{{" }}'] }),
    ).toBeUndefined();
  });
});

describe('values stay values', () => {
  it('a value that looks like a template is none', () => {
    const evil = '{{ inputs.secret }}{% for x in range(9) %}{{ x }}{% endfor %}';
    const own = { inputs: { evil, secret: 'S', list: [evil] } };
    expect(expressions.evaluate('{{ inputs.evil }}', own)).toBe(evil);
    expect(expressions.evaluate('say {{ inputs.evil }}', own)).toBe(`say ${evil}`);
    expect(expressions.evaluate('{{ inputs.evil ~ "" }}', own)).toBe(evil);
    expect(expressions.evaluate('{{ inputs.evil | upper | lower }}', own)).toBe(evil.toLowerCase());
    expect(expressions.evaluate({ a: ['{{ inputs.list }}'] }, own)).toEqual({ a: [[evil]] });
  });

  it('are not changed, and no two evaluations share anything', () => {
    const before = JSON.stringify(scope);
    evaluate('{% set ns = namespace(x=1) %}{% set ns.x = inputs.list %}{{ ns.x }}');
    evaluate('{% set inputs = 1 %}{% set value0__ = 2 %}{{ inputs }}');
    expect(JSON.stringify(scope)).toBe(before);
    expect(failure('{{ ns }}')).toContain('not defined');
    expect(evaluate('{{ inputs.count }}')).toBe(5);
  });
});

describe('published escapes lead nowhere', () => {
  const polluted = JSON.parse(
    '{"__proto__": {"polluted": true}, "constructor": "mine", "own": {}}',
  ) as JsonObject;

  it.each([
    // n8n, CVE-2025-68613 and its relatives: from any value to the constructor of functions.
    '{{ constructor.constructor("return process")() }}',
    '{{ inputs.constructor.constructor("return process.env")() }}',
    '{{ (function(){ return this.process.mainModule.require("child_process").execSync("id") })() }}',
    '{{ this.constructor.constructor("return process")().env }}',
    '{{ inputs.name.constructor }}',
    '{{ inputs["const" ~ "ructor"] }}',
    '{{ inputs.list.map }}',
    '{{ inputs.list["constructor"]["constructor"]("return 1")() }}',
    '{{ inputs.__proto__ }}',
    '{{ inputs["__proto__"].x }}',
    '{{ inputs.__defineGetter__("x", range) }}',
    '{{ inputs.toString }}',
    '{{ inputs.hasOwnProperty("x") }}',
    '{{ $json.x }}',
    // Jinja2: from any value to the classes of Python.
    '{{ "".__class__.__mro__[1].__subclasses__() }}',
    '{{ inputs.__class__ }}',
    '{{ self.__init__.__globals__ }}',
    '{{ self._TemplateReference__context }}',
    '{{ cycler.__init__.__globals__.os.popen("id").read() }}',
    '{{ lipsum.__globals__["os"] }}',
    '{{ joiner.__init__ }}',
    '{{ namespace.__init__.__globals__ }}',
    '{{ range.__self__ }}',
    '{{ inputs | attr("__class__") }}',
    '{{ ""|attr("\\x5f\\x5fclass\\x5f\\x5f") }}',
    '{{ request.application.__globals__ }}',
    '{{ config.items() }}',
    '{{ get_flashed_messages.__globals__ }}',
    '{{ url_for.__globals__ }}',
    '{{ inputs.name.format.__globals__ }}',
    '{{ "{0.__class__}".format(1) }}',
    '{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}',
    // Names of the language and of Node.
    '{{ Function("return 1")() }}',
    '{{ eval("1") }}',
    '{{ globalThis }}',
    '{{ process.env }}',
    '{{ require("fs") }}',
    '{{ import("fs") }}',
    '{{ debug() }}',
    '{{ debug }}',
    '{{ caller }}',
    '{% include "/etc/passwd" %}',
    '{% import "os" as os %}{{ os.environ }}',
    '{% from "os" import environ %}',
    '{% extends "/etc/passwd" %}',
    '{% do inputs %}',
    '{{ missing__ }}',
    '{{ range | tojson }}x',
    '{{ namespace }}',
  ])('%s', (template) => {
    failure(template);
  });

  it('neither through keys of data that have meanings in JavaScript', () => {
    const own = { inputs: polluted };
    expect(expressions.evaluate('{{ inputs.constructor }}', own)).toBe('mine');
    expect(expressions.evaluate('{{ inputs["__proto__"].polluted }}', own)).toBe(true);
    expect(() => expressions.evaluate('{{ inputs.own.polluted }}', own)).toThrow('has no "polluted"');
    const copy = expressions.evaluate('{{ [inputs] }}', own) as readonly JsonObject[];
    expect(Object.hasOwn(copy[0] ?? {}, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    const parsed = expressions.evaluate(
      '{{ \'{"__proto__": {"polluted": 1}}\' | fromjson }}',
      {},
    ) as JsonObject;
    expect(parsed['polluted']).toBeUndefined();
    expect(expressions.evaluate({ ['__proto__']: '{{ 1 }}' }, {})).toBeDefined();
  });
});

describe('what would take all time or memory', () => {
  it.each([
    '{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}',
    '{{ "a" * 1000000000 }}',
    '{{ ("a" * 2000000000) | length }}',
    '{{ ("a" * 3000000000) | length }}',
    '{{ range(10000000) | list }}',
    '{{ ([1] * 100000000) | list | length }}',
    '{{ ["a"] | tojson(indent=300000000) | length }}',
    '{% set s = "a" * 1000000 %}{{ s | replace("a", s) | length }}',
    '{{ [1, 2] | slice(1000000000) | list | length }}',
    '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
    '{% set s = "a" * 1000000 %}{% for i in range(64) %}{{ s }}{% endfor %}',
    '{{ 2 ** 100000 }}',
  ])('ends: %s', (template) => {
    const before = process.memoryUsage.rss();
    failure(template);
    expect(process.memoryUsage.rss() - before).toBeLessThan(700 * 1024 * 1024);
    // And the next one is none the worse.
    expect(evaluate('{{ inputs.count + 1 }}')).toBe(6);
  });

  it('a path of a large value costs nothing, whatever stands beside it', () => {
    const large = 'x'.repeat(10_000_000);
    const own = { inputs: { large, n: 1 }, steps: { a: { output: { large, list: [large] } } } };
    const started = process.cpuUsage();
    for (let index = 0; index < 1000; index += 1) {
      expect(expressions.evaluate('{{ steps.a.output.list[0] }}', own)).toBe(large);
      expect(expressions.evaluate('{{ inputs.n + 1 }}', own)).toBe(2);
    }
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1e6).toBeLessThan(2);
  });
});

describe('filters of ours', () => {
  it.each<[string, Json]>([
    ['{{ "a b&c/é" | urlencode }}', 'a%20b%26c%2F%C3%A9'],
    ['{{ inputs.object | keys }}', ['a', 'z']],
    ['{{ {"a": 1, "b": none} | values }}', [1, null]],
    ['{{ "héllo" | b64encode }}', 'aMOpbGxv'],
    ['{{ "aMOpbGxv" | b64decode }}', 'héllo'],
    ['{{ inputs.when | dateformat }}', '2026-03-01'],
    ['{{ inputs.when | dateformat("%d.%m.%Y %H:%M:%S", "Europe/Berlin") }}', '02.03.2026 00:30:00'],
    ['{{ 0 | dateformat("%A, %B %d (%a %b) 100%%") }}', 'Thursday, January 01 (Thu Jan) 100%'],
  ])('%s', (template, value) => {
    expect(evaluate(template)).toEqual(value);
  });

  it.each([
    ['{{ "x" | fromjson }}', 'fromjson: the text is no JSON'],
    ['{{ [] | keys }}', 'keys: expected an object'],
    ['{{ "soon" | dateformat }}', 'dateformat: expected a time'],
    ['{{ 0 | dateformat("%Y", "Mars/Base") }}', 'there is no time zone "Mars/Base"'],
    ['{{ 0 | dateformat("%q") }}', 'there is no "%q"'],
    ['{{ {} | urlencode }}', 'urlencode: expected a text'],
  ])('fail: %s', (template, reason) => {
    expect(failure(template)).toContain(reason);
    expect(evaluate('{{ inputs.count + 1 }}')).toBe(6);
  });
});

describe('references', () => {
  it.each<[Json, readonly (readonly string[])[]]>([
    ['{{ steps.a.output.y }}', [['steps', 'a', 'output', 'y']]],
    ["{{ steps['a-b'].output[0].x }}", [['steps', 'a-b', 'output', '0', 'x']]],
    [
      '{{ steps.a.output[inputs.n].x }}',
      [
        ['steps', 'a', 'output'],
        ['inputs', 'n'],
      ],
    ],
    ['x {{ a.b }} {{ c | default(d.e) }}', [['a', 'b'], ['c'], ['d', 'e']]],
    ['{% for i in a.list if i.ok %}{{ i.x }}{{ loop.index }}{% endfor %}{{ i }}', [['a', 'list'], ['i']]],
    ['{% set x = a.b %}{{ x.c }}', [['a', 'b']]],
    ['{% with x = a, y = b.c %}{{ x.y }}{% endwith %}{{ x }}', [['a'], ['b', 'c'], ['x']]],
    ['{% macro m(p, q=a.b) %}{{ p.c }}{{ q }}{{ d }}{% endmacro %}{{ m(e) }}', [['a', 'b'], ['d'], ['e']]],
    ['{% if a.b is divisibleby 3 and not c.d in e %}{% endif %}', [['a', 'b'], ['c', 'd'], ['e']]],
    ['{{ range(a.n) | map(attribute="x") | join(sep) }}', [['a', 'n'], ['sep']]],
    ['{{ {"a": b.c, d: 1}["a"] }}', [['b', 'c'], ['d']]],
    ['{# {{ a }} #}{% raw %}{{ b }}{% endraw %}{{ "{{ c }}" }}{{ \'d.e\' }}', []],
    ['{{ "it\\"s }}" ~ a.b }}', [['a', 'b']]],
    [{ x: ['{{ a }}', 1, null, { y: '{{ b.c }}' }] }, [['a'], ['b', 'c']]],
    ['steps.a.output', []],
  ])('%j', (template, paths) => {
    expect(expressions.references(template)).toEqual(paths);
  });

  it('never fails, and what is taken apart is what the engine understands', () => {
    const signs =
      '{{ }} {% %} {# #} - " \' \\ | . [ ] ( ) a steps is for in set raw endraw = 0 , { } é 💥'.split(' ');
    const piece = fc.constantFrom(' ', '\n', ...signs);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('');
        expect(() => expressions.references(text)).not.toThrow();
        expect(() => expressions.fault(text)).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });
});
