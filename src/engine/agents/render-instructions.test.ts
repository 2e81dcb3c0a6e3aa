import { expect, it } from 'vitest';
import { renderInstructions } from './render-instructions.ts';

it('fills in variables and leaves plain text alone', async () => {
  expect(await renderInstructions('Be {{ tone }}.', { tone: 'kind' })).toBe('Be kind.');
  expect(await renderInstructions('Braces { } stay.', {})).toBe('Braces { } stay.');
});

it('names what cannot be rendered instead of leaving a gap', async () => {
  await expect(renderInstructions('Be {{ tone }}.', {})).rejects.toMatchObject({
    code: 'invalid_definition',
  });
  await expect(renderInstructions('{% if %}', {})).rejects.toMatchObject({ code: 'invalid_definition' });
});

it('stops a template that would run for hours', async () => {
  const nested = '{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}';
  await expect(renderInstructions(nested, {})).rejects.toThrow('fuel');
});
