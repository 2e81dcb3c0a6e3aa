import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTelegramHtml } from '../../../testing/telegram-html.ts';
import { renderTelegramHtml } from '../telegram/render-html.ts';
import { closeMarkdown } from './close-markdown.ts';

describe('a text that breaks off', () => {
  it.each([
    ['plain', 'plain'],
    ['so **bo', 'so **bo**'],
    ['so **bold*', 'so **bold**'],
    ['so **', 'so '],
    ['so ~~go', 'so ~~go~~'],
    ['run `npm te', 'run `npm te`'],
    ['`a` **b** `c', '`a` **b** `c`'],
    ['see [the do', 'see the do'],
    ['see [the docs](https://exam', 'see the docs'],
    ['see [the docs](https://example.org) now', 'see [the docs](https://example.org) now'],
    ['- [x] done', '- [x] done'],
    ['| a | b |\n|---|---|\n| 1', '| a | b |\n|---|---|\n| 1 |'],
    ['```ts\nconst a = `b', '```ts\nconst a = `b\n```'],
    ['```ts\nx\n```\nand **so', '```ts\nx\n```\nand **so**'],
    ['**one\ntwo', '**one\ntwo'],
  ])('%j becomes %j', (text, closed) => {
    expect(closeMarkdown(text)).toBe(closed);
  });

  it('shows no mark that is only half there, wherever it is cut', () => {
    const text = 'A **bold** word, `code` and a [link](https://example.org).';
    for (let end = 1; end <= text.length; end += 1) {
      const [chunk] = renderTelegramHtml(closeMarkdown(text.slice(0, end)), 4096);
      expect(chunk?.plain).not.toMatch(/[*`[\]]|https/);
    }
  });

  it('can be rendered and read, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('ab *_`~[](|)\n#>-!')) }), (text) => {
        for (const { body } of renderTelegramHtml(closeMarkdown(text), 4096))
          expect(readTelegramHtml(body)).not.toHaveProperty('fault');
      }),
    );
  });
});
