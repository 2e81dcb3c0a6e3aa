import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/create-test-app.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../src/base/index.ts';

let app: TestApp;
beforeAll(async () => {
  app = await createMemoryApp({
    files: {
      'agent33.yaml': 'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: odd }\n',
      'agents/a.yaml':
        'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: a }\nspec: { instructions: hi, model: { name: offline/echo } }\n',
    },
  });
});
afterAll(() => app.stop());

const odd: readonly Json[] = ['a\u0000b', '\ud83d', 'x'.repeat(20_000), '../../etc', -1, null, {}];
const methods = new Set(['get', 'post', 'put', 'patch', 'delete']);
// Streams that stay open, and what would end the server under test.
const leftOut = /events|shutdown/;

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly query: readonly string[];
  readonly body: Json | undefined;
}

const objectOf = (value: Json | undefined): JsonObject => (isJsonObject(value) ? value : {});

/** A value that a schema lets expect, with `leaf` wherever a text or anything goes. */
function filled(document: JsonObject, schema: Json | undefined, leaf: Json, depth = 0): Json {
  const found = objectOf(schema);
  const reference = found['$ref'];
  if (typeof reference === 'string') {
    const target = reference
      .split('/')
      .slice(1)
      .reduce<Json>((inner, name) => objectOf(inner)[name] ?? null, document);
    return filled(document, target, leaf, depth);
  }
  if (depth > 5) return leaf;
  const either = found['anyOf'] ?? found['oneOf'] ?? found['enum'];
  if (Array.isArray(either)) {
    const [first] = either as readonly Json[];
    return found['enum'] === undefined ? filled(document, first, leaf, depth + 1) : (first ?? null);
  }
  switch (String(found['type'])) {
    case 'object':
      return Object.fromEntries(
        Object.entries(objectOf(found['properties'])).map(([name, inner]) => [
          name,
          filled(document, inner, leaf, depth + 1),
        ]),
      );
    case 'array':
      return [filled(document, found['items'], leaf, depth + 1)];
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return typeof leaf === 'number' ? leaf : 1;
    default:
      return leaf;
  }
}

function operations(document: JsonObject): readonly Operation[] {
  return Object.entries(objectOf(document['paths'])).flatMap(([path, item]) =>
    Object.entries(objectOf(item)).flatMap(([method, described]) => {
      if (!methods.has(method) || leftOut.test(path)) return [];
      const operation = objectOf(described);
      const parameters = (operation['parameters'] ?? []) as readonly JsonObject[];
      const query = parameters.filter((one) => one['in'] === 'query').map((one) => String(one['name']));
      const content = objectOf(objectOf(operation['requestBody'])['content']);
      const body = objectOf(content['application/json'])['schema'];
      return [{ path, method, query, body }];
    }),
  );
}

const inAddress = (value: Json): string =>
  encodeURIComponent(typeof value === 'string' ? value.slice(0, 200).toWellFormed() : JSON.stringify(value));

it('no route answers odd input with a fault of its own', { timeout: 300_000 }, async () => {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${app.apiKey}` };
  const document = (await (await fetch(`${app.url}/openapi.json`, { headers })).json()) as JsonObject;
  const all = operations(document);
  expect(all.length).toBeGreaterThan(80);
  const faults: string[] = [];
  for (const { path, method, query, body } of all) {
    for (const value of odd) {
      const pathOf = (name: string): string => path.replaceAll(/\{[^}]+\}/g, name);
      const requests = [
        { url: pathOf('a'), sent: filled(document, body, value) },
        { url: pathOf(inAddress(value)), sent: filled(document, body, 'a') },
        {
          url: `${pathOf('a')}?${query.map((name) => `${name}=${inAddress(value)}`).join('&')}`,
          sent: value,
        },
      ];
      for (const { url, sent } of requests) {
        const withBody = method !== 'get' && body !== undefined;
        const response = await fetch(app.url + url, {
          method: method.toUpperCase(),
          headers,
          ...(withBody ? { body: JSON.stringify(sent) } : {}),
          signal: AbortSignal.timeout(60_000),
        });
        const text = await response.text();
        // 503 says that something is not set up here.
        if (response.status >= 500 && response.status !== 503)
          faults.push(`${method} ${url.slice(0, 100)} ${response.status} ${text.slice(0, 200)}`);
      }
    }
  }
  expect(faults).toEqual([]);
});
