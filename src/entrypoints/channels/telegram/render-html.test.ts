import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTelegramHtml } from '../../../testing/telegram-html.ts';
import { parseMarkdown } from '../markup/parse-markdown.ts';
import { plainText } from '../markup/styled-run.ts';
import { renderTelegramHtml } from './render-html.ts';

const one = (markdown: string): string => {
  const chunks = renderTelegramHtml(markdown, 4096);
  expect(chunks).toHaveLength(1);
  return chunks[0]?.body ?? '';
};
const visible = (html: string): string => {
  const read = readTelegramHtml(html);
  if ('fault' in read) throw new Error(`${read.fault} in ${html}`);
  return read.text;
};
const withoutBlanks = (text: string): string => text.replaceAll(/\s+/g, '');
const markdownish = fc
  .array(
    fc.oneof(
      { arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }), weight: 3 },
      fc.constantFrom(
        '**',
        '*',
        '_',
        '__',
        '~~',
        '`',
        '``',
        '```\n',
        '```ts\n',
        '~~~\n',
        '\n',
        '\n\n',
        '# ',
        '- ',
        '> ',
        '[a](https://x.y/?a=1&b=2)',
        '&',
        '<b>',
        '|a|b|\n',
        '\\*',
        ' ',
        '. ',
        '👩‍👩‍👧‍👦',
        'e\u0301',
        '***',
        '。',
        'https://a.b/c_d_e ',
      ),
    ),
    { maxLength: 80 },
  )
  .map((parts) => parts.join(''));

describe('Markdown as Telegram HTML', () => {
  it.each([
    ['plain & <simple>', 'plain &amp; &lt;simple&gt;'],
    ['**bold** and *italic* and ~~gone~~', '<b>bold</b> and <i>italic</i> and <s>gone</s>'],
    ['***both***', '<b><i>both</i></b>'],
    ['**bold with *italic* inside**', '<b>bold with <i>italic</i> inside</b>'],
    ['snake_case_name and 2 * 3 * 4', 'snake_case_name and 2 * 3 * 4'],
    ['`a < b` and ``x ` y``', '<code>a &lt; b</code> and <code>x ` y</code>'],
    ['[docs](https://x.y/?a=1&b="2")', '[docs](https://x.y/?a=1&amp;b="2")'],
    ['[docs](https://x.y/?a=1&b=2)', '<a href="https://x.y/?a=1&amp;b=2">docs</a>'],
    ['[bad](javascript:alert(1))', '[bad](javascript:alert(1))'],
    ['https://x.y/a_b_c', 'https://x.y/a_b_c'],
    ['## Title ##', '<b>Title</b>'],
    ['- one\n  * two\n1. three', '• one\n  • two\n1. three'],
    ['> said\n> twice\n\nafter', '<blockquote>said\ntwice</blockquote>\n\nafter'],
    ['```ts\nif (a < b) {}\n```', '<pre><code class="language-ts">if (a &lt; b) {}</code></pre>'],
    ['```\nraw **text**', '<pre>raw **text**</pre>'],
    ['| a | b |\n|---|---|\n| 1 | 2 |', '<pre>| a | b |\n|---|---|\n| 1 | 2 |</pre>'],
    ['\\*not italic\\*', '*not italic*'],
    ['**open', '**open'],
  ])('%j', (markdown, html) => {
    expect(one(markdown)).toBe(html);
  });

  it('sends nothing for a text without content', () => {
    expect(renderTelegramHtml(' \n\n ', 4096)).toEqual([]);
    expect(renderTelegramHtml('```\n\n```', 4096)).toEqual([]);
  });
});

describe('splitting', () => {
  it('fits each chunk into the limit, keeps markup whole and loses no character', () => {
    fc.assert(
      fc.property(markdownish, fc.integer({ min: 80, max: 400 }), (markdown, limit) => {
        const chunks = renderTelegramHtml(markdown, limit);
        for (const chunk of chunks) {
          expect(chunk.body.length).toBeLessThanOrEqual(limit);
          expect(visible(chunk.body)).toBe(chunk.plain);
          expect(chunk.plain.trim()).not.toBe('');
          expect(chunk.plain.isWellFormed() || !markdown.isWellFormed()).toBe(true);
        }
        const joined = chunks.map((chunk) => chunk.plain).join('');
        expect(withoutBlanks(joined)).toBe(withoutBlanks(plainText(parseMarkdown(markdown))));
      }),
      { numRuns: 300 },
    );
  });

  it('never cuts a grapheme', () => {
    const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
    const graphemes = (text: string) => [...segmenter.segment(text)].map(({ segment }) => segment);
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('👩‍👩‍👧‍👦', '🇩🇪', 'e\u0301', 'क्षि', 'a', '漢', '👍🏽'), {
          minLength: 50,
          maxLength: 300,
        }),
        fc.integer({ min: 40, max: 90 }),
        (parts, limit) => {
          const source = parts.join('');
          const chunks = renderTelegramHtml(source, limit);
          expect(chunks.flatMap((chunk) => graphemes(chunk.plain))).toEqual(graphemes(source));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('cuts even a grapheme that is longer than the limit, but no surrogate pair', () => {
    const monster = `a${'\u0301'.repeat(500)}`;
    const chunks = renderTelegramHtml(monster, 100);
    expect(chunks.map((chunk) => chunk.plain).join('')).toBe(monster);
    const family = Array.from({ length: 200 }, () => '👩').join('\u200d');
    for (const chunk of renderTelegramHtml(family, 101)) expect(chunk.plain.isWellFormed()).toBe(true);
  });

  it('closes a code block and opens it again with its language', () => {
    const code = Array.from({ length: 40 }, (_, index) => `  line ${index} <&>`).join('\n');
    const chunks = renderTelegramHtml(`Before\n\n\`\`\`ts\n${code}\n\`\`\`\nAfter`, 300);
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks.slice(1, -1)) {
      expect(chunk.body).toMatch(/^<pre><code class="language-ts">  line [\s\S]*<\/code><\/pre>$/);
    }
  });

  it('prefers paragraphs, then lines, then sentences, then words', () => {
    const first = (markdown: string) => renderTelegramHtml(markdown, 60)[0]?.plain;
    expect(first(`${'a'.repeat(40)}\n\nb b b\n${'c'.repeat(40)}`)).toBe('a'.repeat(40));
    expect(first(`${'a'.repeat(30)}. b\nc c. ${'d'.repeat(40)}`)).toBe(`${'a'.repeat(30)}. b`);
    expect(first(`${'a'.repeat(40)}. b b b ${'d'.repeat(40)}`)).toBe(`${'a'.repeat(40)}.`);
    expect(first(`${'a'.repeat(40)} b b b ${'d'.repeat(40)}`)).toBe(`${'a'.repeat(40)} b b b`);
  });

  it.each([
    ['prose', 'The quick brown fox jumps over the dog. '],
    ['one word', 'x'],
    ['stars', '*a '],
    ['brackets', '[a'],
    ['backticks', '` `` '],
    ['escapes', '&<>'],
    ['graphemes', '👩‍👩‍👧‍👦'],
    ['fences', '```\nx\n'],
    ['blanks', ' '],
    // A quadratic step would take many minutes for this much.
  ])('comes to an end with a million characters of %s', { timeout: 120_000 }, (_name, unit) => {
    const text = unit.repeat(Math.ceil(1_000_000 / unit.length));
    expect(renderTelegramHtml(text, 4096)).toBeInstanceOf(Array);
  });
});
