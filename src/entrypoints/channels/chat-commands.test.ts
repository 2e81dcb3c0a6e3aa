import { describe, expect, it } from 'vitest';
import { readCommand } from './chat-commands.ts';

describe('a command of people', () => {
  it.each([
    ['/reset', { name: 'new', argument: '' }],
    ['/Start now', { name: 'start', argument: 'now' }],
    [' /agent  helper ', { name: 'agent', argument: 'helper' }],
  ])('%j is one', (text, command) => {
    expect(readCommand(text)).toEqual(command);
  });

  it.each(['/constructor', '/valueof', '/deploy', 'new', '/ new', ''])('%j is for the agent', (text) => {
    expect(readCommand(text)).toBeUndefined();
  });
});
