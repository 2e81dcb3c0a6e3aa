import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { systemClock, type Json, type JsonObject } from '../../base/index.ts';
import { createExpressions } from './create-expressions.ts';
import { createJsonata } from './create-jsonata.ts';
import type { Expressions } from './expressions.ts';
import { filterNames, functionNames, testNames } from './template-names.ts';

const page = readFileSync(new URL('../../../docs/expressions.md', import.meta.url), 'utf8');
const scope = parse(/```yaml\n(inputs:[\s\S]*?)```/.exec(page)?.[1] ?? '') as JsonObject;

/** Rows of the tables with this heading, without their signs. */
function rowsUnder(heading: string): readonly [string, string][] {
  const rows: [string, string][] = [];
  let inside = false;
  for (const line of page.split('\n')) {
    if (line.startsWith(heading)) inside = true;
    else if (!line.startsWith('|')) inside = false;
    const cells = /^\| `(.*)` \| `(.*)` \|$/.exec(line);
    if (inside && cells !== null) rows.push([(cells[1] ?? '').replaceAll('\\|', '|'), cells[2] ?? '']);
  }
  return rows;
}

let expressions: Expressions;
const jsonata = createJsonata({ clock: systemClock, processes: 1 });
beforeAll(async () => {
  expressions = await createExpressions();
});
afterAll(() => jsonata.close());

describe('what docs/expressions.md says', () => {
  const given = rowsUnder('| text | gives |');
  const failing = rowsUnder('| text | fails with |');
  const queries = rowsUnder('| JSONata on');

  it('has examples', () => {
    expect(given.length).toBeGreaterThan(35);
    expect(failing.length).toBeGreaterThan(4);
    expect(queries.length).toBeGreaterThan(3);
  });

  it.each(given)('%s gives %s', (template, value) => {
    expect(expressions.evaluate(template, scope)).toEqual(JSON.parse(value));
  });

  it.each(failing)('%s fails with %s', (template, message) => {
    expect(() => expressions.evaluate(template, scope)).toThrow(message);
  });

  it.each(queries)('JSONata %s gives %s', async (query, value) => {
    const { output } = (scope['steps'] as JsonObject)['fetch'] as { readonly output: Json };
    expect(await jsonata.evaluate(query, output, { timeoutMs: 20_000 })).toEqual(JSON.parse(value));
  });

  it('names every filter', () => {
    const named = /<!-- filters -->(.*)<!-- \/filters -->/.exec(page)?.[1] ?? '';
    expect(named.replaceAll('`', '').split(' ')).toEqual(filterNames.toSorted());
  });
});

describe('names that the checks know', () => {
  const failureOf = (template: string): string => {
    try {
      expressions.evaluate(template, { value: 1 });
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };

  it.each([...filterNames])('the engine has the filter %s', (name) => {
    expect(failureOf(`{{ value | ${name} }}`)).not.toMatch(/is unknown|there is no/);
  });

  it.each([...testNames])('the engine has the test %s', (name) => {
    expect(failureOf(`{{ value is ${name} }}`)).not.toMatch(/is unknown|there is no/);
  });

  it.each([...functionNames])('the engine has the function %s', (name) => {
    expect(failureOf(`{{ ${name}() }}`)).not.toMatch(/is unknown|there is no/);
  });
});
