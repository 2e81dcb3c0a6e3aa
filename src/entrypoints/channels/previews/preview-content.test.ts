import { describe, expect, it } from 'vitest';
import type { ChannelAdapter } from '../channel-adapter.ts';
import { renderTelegramHtml } from '../telegram/render-html.ts';
import { previewContent } from './preview-content.ts';
import { PreviewText } from './preview-text.ts';

const adapter = {
  capabilities: { maxTextLength: 100, buttons: true },
  render: (markdown: string) => renderTelegramHtml(markdown, 100),
} as unknown as ChannelAdapter;
const bodyOf = (text: string, line = ''): string | undefined =>
  previewContent(adapter, { text, line })?.chunk.body;

describe('what a preview shows', () => {
  it('is the whole text with its line and a button, and nothing for nothing', () => {
    expect(previewContent(adapter, { text: 'A **b', line: '… using `x`' })).toEqual({
      markdown: 'A **b',
      chunk: {
        body: 'A <b>b</b>\n\n… using <code>x</code>',
        plain: 'A b\n\n… using x',
        actions: [{ label: 'Stop', command: '/stop' }],
      },
    });
    expect(bodyOf('', '')).toBeUndefined();
    expect(bodyOf('```py\n')).toBeUndefined();
  });

  it('is the end of a text that is too long, cut at a word', () => {
    const text = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ');
    const body = bodyOf(text) ?? '';
    expect(body.length).toBeLessThanOrEqual(100);
    expect(body).toMatch(/^…\nword\d+ .* word59$/);
  });

  it('keeps the end of a code block a code block', () => {
    const code = Array.from({ length: 40 }, (_, index) => `line ${index}`).join('\n');
    const body = bodyOf(`\`\`\`ts\n${code}`, '… using `x`') ?? '';
    expect(body).toMatch(/^…\n<pre><code class="language-ts">[^<]*line 39<\/code><\/pre>\n\n… using <code>x/);
    expect(body.length).toBeLessThanOrEqual(100);
  });

  it('shows something within the limit also where markup grows the text, and cuts no character', () => {
    for (const text of ['&'.repeat(500), '👋'.repeat(500), 'x'.repeat(5000)]) {
      const body = bodyOf(text) ?? '';
      expect(body).not.toBe('');
      expect(body.length).toBeLessThanOrEqual(100);
      expect(body.isWellFormed()).toBe(true);
    }
  });
});

describe('what is known of an answer', () => {
  const call = { id: 'c1', name: 'web_search', arguments: {} };

  it('is the text of the newest step, and of the newest try of it', () => {
    const text = new PreviewText();
    expect(text.take({ type: 'text-delta', step: 'model:1', text: 'Let me ' })).toBe(true);
    text.take({ type: 'text-delta', step: 'model:1', text: 'see.' });
    expect(text.text).toBe('Let me see.');
    expect(text.take({ type: 'step-start', step: 'model:1', kind: 'model', attempt: 2 })).toBe(false);
    expect(text.text).toBe('Let me see.');
    text.take({ type: 'text-delta', step: 'model:1', text: 'Again.' });
    expect(text.text).toBe('Again.');
    text.take({ type: 'text-delta', step: 'model:2', text: 'Four.' });
    expect(text.text).toBe('Four.');
  });

  it('names the tools in use, each once, as long as they are', () => {
    const text = new PreviewText();
    expect(text.take({ type: 'tool-call', step: 's', call })).toBe(true);
    text.take({ type: 'tool-call', step: 's', call: { ...call, id: 'c2' } });
    expect(text.tools).toBe('… using `web_search`');
    const result = { type: 'tool-result', step: 's', name: 'web_search', ok: true, preview: '' } as const;
    text.take({ ...result, callId: 'c1' });
    expect(text.take({ ...result, callId: 'c2' })).toBe(true);
    expect(text.take({ ...result, callId: 'c2' })).toBe(false);
    expect(text.tools).toBe('');
  });
});
