import { expect, it } from 'vitest';
import { renderTemplate } from './render-template.ts';

it('fills in variables and leaves plain text alone', async () => {
  expect(await renderTemplate('Be {{ tone }}.', { tone: 'kind' })).toBe('Be kind.');
  expect(await renderTemplate('Braces { } stay.', {})).toBe('Braces { } stay.');
});

it('names what cannot be rendered instead of leaving a gap', async () => {
  await expect(renderTemplate('Be {{ tone }}.', {})).rejects.toMatchObject({
    code: 'invalid_definition',
  });
  await expect(renderTemplate('{% if %}', {})).rejects.toMatchObject({ code: 'invalid_definition' });
});

it('stops a template that would run for hours', async () => {
  const nested = '{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}';
  await expect(renderTemplate(nested, {})).rejects.toThrow('fuel');
});
