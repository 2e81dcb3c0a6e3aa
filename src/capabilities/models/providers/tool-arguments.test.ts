import { describe, expect, it } from 'vitest';
import { toToolCall } from './tool-arguments.ts';

describe('arguments of a tool call', () => {
  it.each([
    ['', {}],
    ['{"a":1}', { a: 1 }],
    ['"{\\"a\\":1}"', { a: 1 }],
    [{ a: 1 }, { a: 1 }],
    [undefined, {}],
  ])('%j are read', (input, expected) => {
    expect(toToolCall({ id: '1', name: 'f', input })).toEqual({ id: '1', name: 'f', arguments: expected });
  });

  it.each(['[1]', '7', '{"a":', 'null and void'])('%s are kept as they came', (input) => {
    expect(toToolCall({ id: '1', name: 'f', input })).toMatchObject({
      arguments: {},
      invalidArguments: input,
    });
  });
});
