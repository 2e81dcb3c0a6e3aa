import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDiscordMarkdown } from '../../../testing/discord-markdown.ts';
import { renderDiscord } from './render-discord.ts';

const body = (markdown: string): string =>
  renderDiscord(markdown, 2000)
    .map((chunk) => chunk.body)
    .join('|');
const fences = (text: string): number => text.split('```').length - 1;

describe('Markdown for Discord', () => {
  it.each([
    ['a **b** *c* ~~d~~ `e`', 'a **b** *c* ~~d~~ `e`'],
    ['# Title', '**Title**'],
    ['- one\n- two', '• one\n• two'],
    ['> said\n> so', '> said\n> so'],
    ['[text](https://a.test/b_c)', '[text](https://a.test/b_c)'],
    ['[https://a.test](https://a.test)', 'https://a.test'],
    ['see https://a.test/x_y_z now', 'see https://a.test/x_y_z now'],
    ['```js\nlet a_b = `c`;\n```', '```js\nlet a_b = `c`;\n```'],
    ['````\na\n```\nb\n````', '```\na\n`\u200B``\nb\n```'],
    ['5 * 3 and snake_case_name', '5 \\* 3 and snake\\_case\\_name'],
    ['||no spoiler|| <@123>', '\\|\\|no spoiler\\|\\| \\<@123>'],
    ['\\# no title', '\\# no title'],
    ['``a`b``', '`` a`b ``'],
    ['**a***b*', '**a**\u200B*b*'],
  ])('%j', (markdown, expected) => {
    expect(body(markdown)).toBe(expected);
  });

  it('reopens a code block with its language in each message', () => {
    const chunks = renderDiscord(`\`\`\`ts\n${'const value = 1;\n'.repeat(400)}\`\`\``, 2000);
    expect(chunks.length).toBeGreaterThan(3);
    for (const { body } of chunks) {
      expect(body.startsWith('```ts\n')).toBe(true);
      expect(body.endsWith('\n```')).toBe(true);
      expect(body.length).toBeLessThanOrEqual(2000);
    }
  });

  it('keeps every message within the limit, balanced, and readable as its plain text', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '**bold**',
        '*it*',
        '~~s~~',
        '`co``de`',
        '> quote',
        '\n',
        '\n\n',
        '```js\n',
        '```',
        '# h',
        '- ',
        '_',
        '*',
        '|',
        '<@1>',
        '[l](https://a.test/(x))',
        'https://a.test/a_b*',
        '👩‍👩‍👧‍👦',
        '\\',
        '\u200B',
      ),
      fc.string({ maxLength: 12 }),
      fc.lorem({ maxCount: 12 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 60, max: 300 }), (pieces, limit) => {
        for (const chunk of renderDiscord(pieces.join(' '), limit)) {
          expect(chunk.body.length).toBeLessThanOrEqual(limit);
          expect(chunk.plain.trim()).not.toBe('');
          expect(chunk.body.trim()).not.toBe('');
          expect(fences(chunk.body) % 2).toBe(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('shows words exactly, whatever marks stand in them', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(
            'a',
            ' ',
            '*',
            '_',
            '~',
            '`',
            '|',
            '[',
            ']',
            '(',
            ')',
            '<',
            '>',
            '#',
            '-',
            '\\',
            '!',
          ),
        }),
        (text) => {
          for (const { body, plain } of renderDiscord(text, 2000)) {
            expect(readDiscordMarkdown(body).replaceAll('\u200B', '').replaceAll(/^> /gm, '')).toBe(
              plain.replaceAll(/^> /gm, ''),
            );
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('takes linear time', () => {
    const started = performance.now();
    const chunks = renderDiscord('word **bold** `code` '.repeat(50_000), 2000);
    expect(chunks.length).toBeGreaterThan(400);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
