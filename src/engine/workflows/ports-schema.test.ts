import { expect, it } from 'vitest';
import { applyDefaults, inputsSchema, readPort } from './ports-schema.ts';

it.each([
  ['string', { schema: { type: 'string' }, required: true }],
  ['Integer?', { schema: { type: 'integer' }, required: false }],
  ['string[]', { schema: { type: 'array', items: { type: 'string' } }, required: true }],
  ['any', { schema: {}, required: true }],
  [
    { type: 'string', required: false, description: 'x' },
    { schema: { type: 'string', description: 'x' }, required: false },
  ],
  [
    { type: 'list', default: [] },
    { schema: { type: 'array', default: [] }, required: false },
  ],
  [
    { type: 'object', required: ['a'], properties: { a: {} } },
    { schema: { type: 'object', required: ['a'], properties: { a: {} } }, required: true },
  ],
  [{ type: ['string', 'null'] }, { schema: { type: ['string', 'null'] }, required: true }],
  [{ enum: [1, 2] }, { schema: { enum: [1, 2] }, required: true }],
])('reads the port %j', (written, port) => {
  expect(readPort(written)).toEqual(port);
});

it('makes one schema of all inputs, and puts defaults in place', () => {
  const spec = {
    inputs: { topic: 'string', depth: { type: 'integer', default: 3 }, note: 'string?' },
  };
  const schema = inputsSchema(spec);
  expect(schema).toEqual({
    type: 'object',
    properties: {
      topic: { type: 'string' },
      depth: { type: 'integer', default: 3 },
      note: { type: 'string' },
    },
    required: ['topic'],
    additionalProperties: false,
  });
  expect(inputsSchema(spec)).toBe(schema);
  expect(applyDefaults(schema, { topic: 'a' })).toEqual({ topic: 'a', depth: 3 });
  expect(applyDefaults(schema, { topic: 'a', depth: 0 })).toEqual({ topic: 'a', depth: 0 });
});
