import { expect, it } from 'vitest';
import { ToolNames } from './tool-names.ts';

it('tools get the wished name, the longer one, or a numbered one, all different and short enough', () => {
  const names = new ToolNames(['ask_a']);
  expect(names.take('ask_a', 'ask_agent_a')).toBe('ask_agent_a');
  expect(names.take('ask_a', 'ask_agent_a')).toBe('ask_a_2');
  expect(names.take('ask_a', 'ask_agent_a')).toBe('ask_a_3');
  const long = `ask_${'x'.repeat(64)}`;
  const taken = [names.take(long), names.take(long), names.take(long)];
  expect(new Set(taken).size).toBe(3);
  for (const name of taken) expect(name.length).toBeLessThanOrEqual(64);
});
