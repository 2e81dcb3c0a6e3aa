import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readWhatsAppMarkup } from '../../../testing/whatsapp-post.ts';
import { templateTexts } from './message-content.ts';
import { renderWhatsApp } from './render-whatsapp.ts';

const zero = '\u200B';
const render = (markdown: string, limit = 4096) => renderWhatsApp(markdown, limit).map((chunk) => chunk.body);

describe('Markdown in the markup of WhatsApp', () => {
  it.each([
    ['**bold** and *italic* and ~~gone~~', '*bold* and _italic_ and ~gone~'],
    ['a & b < c > d', 'a & b < c > d'],
    ['[the page](https://x.y/?a=1&b=2)', 'the page (https://x.y/?a=1&b=2)'],
    ['[https://x.y/a_b](https://x.y/a_b)', 'https://x.y/a_b'],
    ['[x.y](https://x.y), and', 'https://x.y, and'],
    ['[**two** parts](https://x.y)', '*two* parts (https://x.y)'],
    ['**[bold link](https://x.y/_a_)**', '*bold link* (https://x.y/_a_)'],
    ['`a < b`', '`a < b`'],
    ['```ts\nlet a = `x`;\n```', '```\nlet a = `x`;\n```'],
    ['~~~\n``````\n~~~', `\`\`\`\n${Array.from('``````').join(zero)}\n\`\`\``],
    ['# Title\ntext', '*Title*\ntext'],
    ['- one\n- two', '• one\n• two'],
    ['1. one\n2. two', '1. one\n2. two'],
    ['> quoted\n> more\nafter', '> quoted\n> more\nafter'],
    ['snake_case_name', 'snake_case_name'],
    ['2 * 3 * 4', '2 * 3 * 4'],
    [String.raw`\*not bold\*`, `*${zero}not bold*${zero}`],
    ['https://x.y/_a_?b=~c~', 'https://x.y/_a_?b=~c~'],
    ['| a | b |\n|---|---|\n| 1 | 2 |', '```\n| a | b |\n|---|---|\n| 1 | 2 |\n```'],
  ])('%j', (markdown, expected) => {
    expect(render(markdown)).toEqual([expected]);
  });

  it('reopens a code block that is cut', () => {
    const chunks = render(`\`\`\`js\n${'let a = 1;\n'.repeat(800)}\`\`\``);
    expect(chunks.length).toBeGreaterThan(1);
    for (const chunk of chunks) expect(chunk).toMatch(/^```\n[^]*\n```$/);
  });

  it('keeps the addresses of links in the plain text', () => {
    expect(renderWhatsApp('see [**our** page](https://x.y)', 4096)[0]?.plain).toBe(
      'see our page (https://x.y)',
    );
  });

  it('never exceeds its limit and is never empty', () => {
    const piece = fc.constantFrom(
      '**b** ',
      '*i*',
      '`c` ',
      '_',
      '~',
      '*',
      '\n',
      '\n\n',
      '> q\n',
      '```\ncode\n```\n',
      '👩‍👩‍👧‍👦',
      'word ',
      '[l](https://x.y/a_b_c)',
      '[**m** n](https://x.y/a)',
      'https://z.z/_q_ ',
      'é',
      '```',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), fc.integer({ min: 60, max: 400 }), (parts, limit) => {
        for (const { body, plain } of renderWhatsApp(parts.join(''), limit)) {
          expect(body.length).toBeLessThanOrEqual(limit);
          expect(plain.trim()).not.toBe('');
          expect((body.match(/```/g) ?? []).length % 2).toBe(0);
        }
      }),
    );
  });

  it('is read back by the fake as the words that were written', () => {
    const [body = ''] = render('**bold**, `code_x`, *a* snake_case [l](https://x.y) 2 * 3 & <b>');
    expect(readWhatsAppMarkup(body)).toBe('bold, code_x, a snake_case l (https://x.y) 2 * 3 & <b>');
  });
});

describe('texts of templates', () => {
  it('are in one line, short enough, and lose nothing but white space', () => {
    for (const text of [
      'short',
      'two\n\nlines\tand    gaps',
      'word '.repeat(1000),
      '👩‍👩‍👧‍👦'.repeat(500),
      'x'.repeat(2000),
    ]) {
      const pieces = templateTexts(text);
      for (const piece of pieces) {
        expect(piece.length).toBeLessThanOrEqual(900);
        expect(piece).not.toMatch(/[\n\t]| {2}|[\uD800-\uDBFF]$/);
      }
      expect(pieces.join('').replaceAll(/\s/g, '')).toBe(text.replaceAll(/\s/g, ''));
    }
  });
});
