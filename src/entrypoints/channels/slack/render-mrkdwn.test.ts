import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMrkdwn } from '../../../testing/slack-payloads.ts';
import { renderSlackMrkdwn } from './render-mrkdwn.ts';
import { sectionsOf } from './sections.ts';

const zero = '\u200B';
const render = (markdown: string, limit = 3900) =>
  renderSlackMrkdwn(markdown, limit).map((chunk) => chunk.body);

describe('Markdown as mrkdwn', () => {
  it.each([
    ['**bold** and *italic* and ~~gone~~', '*bold* and _italic_ and ~gone~'],
    ['a & b < c > d', 'a &amp; b &lt; c &gt; d'],
    ['<!channel> <@U1>', '&lt;!channel&gt; &lt;@U1&gt;'],
    ['[the page](https://x.y/?a=1&b=2)', '<https://x.y/?a=1&amp;b=2|the page>'],
    ['**[bold link](https://x.y)**', '*<https://x.y|bold link>*'],
    ['`a < b`', '`a &lt; b`'],
    ['```ts\nlet a = `x`;\n```', '```\nlet a = `x`;\n```'],
    ['~~~\n``````\n~~~', `\`\`\`\n${Array.from('``````').join(zero)}\n\`\`\``],
    ['# Title\ntext', '*Title*\ntext'],
    ['- one\n- two', '• one\n• two'],
    ['> quoted\n> more\nafter', '> quoted\n> more\nafter'],
    ['snake_case_name', 'snake_case_name'],
    ['2 * 3 * 4', '2 * 3 * 4'],
    [String.raw`\*not bold\*`, `*${zero}not bold*${zero}`],
    ['foo**bar**baz', `foo${zero}*bar*${zero}baz`],
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

  it('never exceeds its limit, is never empty and loses nothing but white space', () => {
    const piece = fc.constantFrom(
      '**b** ',
      '*i*',
      '`c` ',
      '&',
      '<',
      '>',
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
      'https://z.z/_q_ ',
      'é',
      '```',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), fc.integer({ min: 60, max: 400 }), (parts, limit) => {
        const chunks = renderSlackMrkdwn(parts.join(''), limit);
        for (const { body, plain } of chunks) {
          expect(body.length).toBeLessThanOrEqual(limit);
          expect(plain.trim()).not.toBe('');
          expect((body.match(/```/g) ?? []).length % 2).toBe(0);
        }
      }),
    );
  });

  it('takes linear time', () => {
    const chunks = render('*a_b~c`d & <e> '.repeat(70_000));
    expect(chunks.length).toBeGreaterThan(200);
  });

  it('is read back by the fake as the words that were written', () => {
    const [body = ''] = render('**bold**, `code_x`, *a* & <b> snake_case [l](https://x.y) 2 * 3');
    expect(readMrkdwn(body, { marks: true })).toBe('bold, code_x, a & <b> snake_case l 2 * 3');
  });
});

describe('texts of blocks', () => {
  it('are short enough, keep code blocks whole and lose nothing', () => {
    const code = `intro\n\`\`\`\n${'line of code\n'.repeat(260)}\`\`\`\nend`;
    const words = 'word &amp; '.repeat(350);
    const solid = `${'x'.repeat(2995)}&amp;${'y'.repeat(800)}`;
    for (const body of [code, words, solid, 'short']) {
      const sections = sectionsOf(body);
      for (const section of sections) {
        expect(section.length).toBeLessThanOrEqual(3000);
        expect((section.match(/```/g) ?? []).length % 2).toBe(0);
        expect(section).not.toMatch(/&[a-z]{0,3}$/);
      }
      const bare = (text: string): string => text.replaceAll(/```|\s/g, '');
      expect(bare(sections.join(''))).toBe(bare(body));
    }
  });
});
