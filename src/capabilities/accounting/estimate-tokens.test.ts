import * as fc from 'fast-check';
import { estimateTokenCount } from 'tokenx';
import { describe, expect, it } from 'vitest';
import { estimateTokens } from './estimate-tokens.ts';
import { scanText } from './scan-text.ts';

const prose =
  'A run is executed again from the top after a crash, and finished steps answer from the journal. ';

describe('estimated tokens', () => {
  it('are those of tokenx with a margin for prose', () => {
    expect(estimateTokens(prose)).toBe(Math.ceil(estimateTokenCount(prose) * 1.15));
  });

  it('are more for JSON and base64 than for prose', () => {
    const json = JSON.stringify({ hash: 'a9f0', list: [1, 2, 3] });
    expect(estimateTokens(json)).toBe(Math.ceil(estimateTokenCount(json) * 1.6));
    const base64 = Buffer.from(prose.repeat(3)).toString('base64');
    expect(estimateTokens(base64)).toBe(Math.ceil(estimateTokenCount(base64) * 1.6));
  });

  it('of a long text come from samples, close to the whole', () => {
    const long = prose.repeat(500);
    const whole = estimateTokenCount(long) * 1.15;
    expect(Math.abs(estimateTokens(long) / whole - 1)).toBeLessThan(0.1);
  });

  it('of a request count what its messages say, and an image as an image', () => {
    const text = { model: 'm', messages: [{ role: 'user', content: prose }] };
    const own = estimateTokens(prose);
    expect(estimateTokens(text)).toBeGreaterThan(own);
    expect(estimateTokens(text)).toBeLessThan(own + 40);
    const image = `data:image/png;base64,${'A'.repeat(1_000_000)}`;
    const withImage = {
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: image } }] }],
    };
    expect(estimateTokens(withImage)).toBeGreaterThan(1600);
    expect(estimateTokens(withImage)).toBeLessThan(1700);
  });

  it('agree with tokenx on any ASCII text, and come near it on others', () => {
    const ascii = fc.string({ unit: fc.constantFrom(...Array.from('aZ7 \n\t.,-(x')), maxLength: 60 });
    fc.assert(
      fc.property(ascii, (text) => {
        expect(scanText(text).tokens).toBe(estimateTokenCount(text));
      }),
      { numRuns: 2000 },
    );
    for (const text of [
      'Der Zähler läuft über, während die Größe unverändert bleibt; schöne Grüße aus München.',
      'La fenêtre était déjà fermée quand le garçon est arrivé à la forêt près du château.',
      '模型路由器会把请求发送到合适的部署，并且记录每次调用的用量。',
      'モデルのルーターはリクエストを適切なデプロイに送ります。',
    ]) {
      const ratio = scanText(text).tokens / estimateTokenCount(text);
      expect(ratio).toBeGreaterThan(0.85);
      expect(ratio).toBeLessThan(1.5);
    }
  });

  it('of nothing are none', () => {
    expect(estimateTokens('')).toBe(0);
  });
});
