import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readProject } from '../../src/app/index.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'agent33-docs-'));
  await mkdir(path.join(dir, 'models'));
  await copyFile(new URL('../fixtures/litellm/tiers.yaml', import.meta.url), path.join(dir, 'litellm.yaml'));
});
afterEach(() => rm(dir, { recursive: true }));

const page = (name: string) => readFile(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const blocks = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1] ?? '');

it('every definition in docs/models.md is valid, all of them together', async () => {
  const examples = blocks(await page('models.md'), 'yaml').filter((text) => text.includes('apiVersion'));
  expect(examples.length).toBeGreaterThanOrEqual(2);
  for (const [index, text] of examples.entries())
    await writeFile(
      path.join(dir, text.includes('kind: ModelRouter') ? `models/${index}.yaml` : 'agent33.yaml'),
      text,
    );
  const { problems } = await readProject(dir, {});
  expect(problems).toEqual([]);
});

it('docs/coming-from-litellm.md shows what validate says', async () => {
  const text = await page('coming-from-litellm.md');
  await writeFile(path.join(dir, 'agent33.yaml'), blocks(text, 'yaml')[0] ?? '');
  const { problems, notes } = await readProject(dir, {});
  expect(problems).toEqual([]);
  const [shown = ''] = blocks(text, 'console');
  expect(notes.map((note) => `note: ${note}`)).toEqual(
    shown.split('\n').filter((line) => line.startsWith('note: ')),
  );
});
