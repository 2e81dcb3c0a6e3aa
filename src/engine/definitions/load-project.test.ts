import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadProject } from './load-project.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'agent33-load-'));
  await mkdir(path.join(dir, 'agents'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const agent = (name: string): string =>
  `apiVersion: agent33/v1\nkind: Agent\nmetadata:\n  name: ${name}\nspec: {}\n`;
const project = (name: string): string =>
  `apiVersion: agent33/v1\nkind: Project\nmetadata: { name: ${name} }\n`;
const write = (name: string, content: string | Buffer): Promise<void> =>
  writeFile(path.join(dir, name), content);
const load = async () => {
  const loaded = await loadProject(dir);
  return { names: loaded.definitions.map((one) => one.definition.metadata.name), problems: loaded.problems };
};

describe('a project folder', () => {
  it('is read file by file in order of names; other files are left alone', async () => {
    await write('agents/b.yml', agent('b'));
    await write('agents/a.json', '{"name":"a"}');
    await write('agents/notes.md', 'kind: Nonsense');
    await mkdir(path.join(dir, 'agent-definitions'));
    await write('agent-definitions/old.json', '{"name":"old"}');
    expect(await load()).toEqual({ names: ['a', 'b', 'old'], problems: [] });
  });

  it('may hold a name once; the place of the second is named, also within one file', async () => {
    await write('agents/one.yaml', `${agent('helper')}---\n${agent('other')}---\n${agent('helper')}`);
    await write('agents/two.yaml', agent('other'));
    expect(await load()).toEqual({
      names: ['helper', 'other'],
      problems: [
        {
          file: 'agents/one.yaml',
          line: 16,
          column: 9,
          field: 'metadata.name',
          message: 'Agent "helper" is defined in agents/one.yaml already',
        },
        {
          file: 'agents/two.yaml',
          line: 4,
          column: 9,
          field: 'metadata.name',
          message: 'Agent "other" is defined in agents/one.yaml already',
        },
      ],
    });
  });

  it('has one definition of itself', async () => {
    await write('agent33.yaml', project('first'));
    await write('agent33.yml', project('second'));
    const loaded = await loadProject(dir);
    expect(loaded.project.metadata.name).toBe('first');
    expect(loaded.problems).toMatchObject([
      { file: 'agent33.yml', message: 'Project "first" is defined in agent33.yaml already' },
    ]);
  });
});

describe('files and folders that cannot be read', () => {
  beforeEach(() => write('agents/good.yaml', agent('good')));

  it('are named when they are not UTF-8, with the place', async () => {
    await write(
      'agents/bad.yaml',
      Buffer.concat([
        Buffer.from('# fine: é\n# then: '),
        Buffer.from([0xe9, 0x0a]),
        Buffer.from(agent('bad')),
      ]),
    );
    expect(await load()).toEqual({
      names: ['good'],
      problems: [{ file: 'agents/bad.yaml', line: 2, column: 9, message: 'not valid UTF-8' }],
    });
  });

  it('are named when they are too large, and not read', async () => {
    await write('agents/large.yaml', `# ${'x'.repeat(1024 * 1024)}\n${agent('large')}`);
    expect(await load()).toEqual({
      names: ['good'],
      problems: [{ file: 'agents/large.yaml', message: 'larger than 1048576 bytes' }],
    });
  });

  it('are named when they are no files or lead nowhere', async () => {
    await mkdir(path.join(dir, 'agents/folder.yaml'));
    await symlink('loop.yaml', path.join(dir, 'agents/loop.yaml'));
    expect(await load()).toEqual({
      names: ['good'],
      problems: [
        { file: 'agents/folder.yaml', message: 'is not a file' },
        { file: 'agents/loop.yaml', message: 'cannot be read (ELOOP)' },
      ],
    });
  });

  it('are named when a folder is a file or cannot be entered', async () => {
    await write('channels', 'no folder');
    await symlink('agent-definitions', path.join(dir, 'agent-definitions'));
    const { names, problems } = await load();
    expect(names).toEqual(['good']);
    expect(problems).toHaveLength(2);
    expect(problems).toEqual(
      expect.arrayContaining([
        { file: 'channels', message: 'is not a folder' },
        { file: 'agent-definitions', message: 'cannot be read (ELOOP)' },
      ]),
    );
  });

  it('leave out a file that went away while the folder was listed', async () => {
    await symlink('gone.yaml.target', path.join(dir, 'agents/gone.yaml'));
    expect(await load()).toEqual({ names: ['good'], problems: [] });
  });
});
