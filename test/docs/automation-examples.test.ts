import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { readProject } from '../../src/app/index.ts';

const handbook =
  'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: handbook }\nspec: { instructions: Answer. }\n';

it('every definition in docs/automation.md is valid', async () => {
  const page = await readFile(new URL('../../docs/automation.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  expect(examples.length).toBeGreaterThanOrEqual(5);
  const dir = await mkdtemp(path.join(tmpdir(), 'agent33-docs-'));
  try {
    for (const folder of ['agents', 'schedules', 'sensors']) await mkdir(path.join(dir, folder));
    for (const [index, text] of examples.entries()) {
      const folder = text.includes('kind: Sensor') ? 'sensors' : 'schedules';
      await writeFile(path.join(dir, folder, `${index}.yaml`), text);
    }
    await writeFile(path.join(dir, 'agents/handbook.yaml'), handbook);
    const { definitions, problems } = await readProject(dir, {});
    expect(problems).toEqual([]);
    expect(definitions).toHaveLength(examples.length + 1);
  } finally {
    await rm(dir, { recursive: true });
  }
});
