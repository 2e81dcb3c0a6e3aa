import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { generatedPages } from '../../scripts/generated-pages.ts';

describe('generated pages', async () => {
  it.each(await generatedPages())('$path is what `npm run docs` writes', async ({ path, text }) => {
    const stored = await readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
    expect(stored, 'run `npm run docs` and commit the result').toBe(text);
  });
});
