import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createToolContext } from '../../../testing/tool-context.ts';
import { createKnowledgeSearchTool } from './knowledge-search.ts';
import { splitMarkdown } from './split-markdown.ts';

let projectDir: string;
beforeEach(async () => {
  projectDir = await mkdtemp(path.join(tmpdir(), 'agent33-knowledge-'));
  await mkdir(path.join(projectDir, 'docs/sub'), { recursive: true });
  await writeFile(
    path.join(projectDir, 'docs/guide.md'),
    '# Guide\n\nIntroduction.\n\n## Backups\n\nBackups run every night at two.\n\n## Colours\n\nThe house is green.\n',
  );
  await writeFile(path.join(projectDir, 'docs/sub/notes.txt'), 'Nightly jobs write a log.\n');
});
afterEach(() => rm(projectDir, { recursive: true, force: true }));

const tool = createKnowledgeSearchTool();
const search = (query: string, folder = 'docs', limit = 5) =>
  tool.execute(
    { query, limit },
    createToolContext({ projectDir, knowledge: [{ name: 'docs', path: folder }], use: { name: tool.name } }),
  );
const citationsOf = (result: Awaited<ReturnType<typeof search>>) =>
  result.ok ? (result.citations ?? []) : [];

describe('knowledge_search', () => {
  it('finds the passage with its file, heading and line', async () => {
    const [best] = citationsOf(await search('When does the backup run?'));
    expect(best).toEqual({
      id: 'guide.md#L5-L7',
      file: 'guide.md',
      heading: 'Guide › Backups',
      line: 5,
      quote: '## Backups\n\nBackups run every night at two.',
    });
  });

  it('looks into folders below, and says so when nothing matches', async () => {
    expect(citationsOf(await search('log'))[0]?.file).toBe('sub/notes.txt');
    expect(await search('zebra')).toMatchObject({ ok: true, content: 'No passage matches.' });
    expect(await search('the of and')).toMatchObject({ content: 'No passage matches.' });
  });

  it('sees files that came, changed and went', async () => {
    const file = path.join(projectDir, 'docs/pets.md');
    await writeFile(file, 'The zebra is called Otto.');
    expect(citationsOf(await search('zebra'))[0]?.quote).toContain('Otto');
    await writeFile(file, 'The zebra is called Emma.');
    // Same size within the same tick of the clock: the time tells.
    await utimes(file, new Date(), new Date(Date.now() + 5_000));
    expect(citationsOf(await search('zebra'))[0]?.quote).toContain('Emma');
    await rm(file);
    expect(citationsOf(await search('zebra'))).toEqual([]);
  });

  it('follows no link out of its folder', async () => {
    await writeFile(path.join(projectDir, 'secret.md'), 'The zebra is secret.');
    await symlink(path.join(projectDir, 'secret.md'), path.join(projectDir, 'docs/link.md'));
    expect(citationsOf(await search('zebra'))).toEqual([]);
  });

  it('names a folder that is not there, and says when the agent has none', async () => {
    await expect(search('x', 'missing')).rejects.toMatchObject({ code: 'not_found' });
    const none = createToolContext({ projectDir, use: { name: tool.name } });
    expect(await tool.execute({ query: 'x' }, none)).toMatchObject({ ok: false, code: 'not_found' });
  });

  it('is not troubled by binary content and endless lines', async () => {
    await writeFile(path.join(projectDir, 'docs/odd.md'), Buffer.from([0xff, 0x00, 0x80, 0x0a, 0x41]));
    await writeFile(path.join(projectDir, 'docs/long.md'), 'word '.repeat(200_000));
    expect(citationsOf(await search('backup'))[0]?.file).toBe('guide.md');
  });

  it('quotes exactly the lines it names, whatever the text', () => {
    const line = fc.oneof(
      fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[\r\n]/g, ' ')),
      fc.constantFrom('# One', '## Two', '```', '', 'text '.repeat(90)),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
        const passages = splitMarkdown('x.md', lines.join('\n'));
        for (const passage of passages)
          expect(passage.text).toBe(lines.slice(passage.firstLine - 1, passage.lastLine).join('\n'));
        const covered = new Set(
          passages.flatMap(({ firstLine, lastLine }) =>
            Array.from({ length: lastLine - firstLine + 1 }, (_, index) => firstLine + index),
          ),
        );
        const left = lines.filter(
          (text, index) => !covered.has(index + 1) && text.trim() !== '' && !/^#{1,6}\s/.test(text),
        );
        expect(left).toEqual([]);
      }),
    );
  });
});
