import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../base/index.ts';
import { createMemoryLogger, FakeClock } from '../../testing/index.ts';
import { loadProject, definitionsOf } from './load-project.ts';
import { createProjectSource, type ProjectSource } from './project-source.ts';

let dir: string;
let source: ProjectSource | undefined;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'agent33-project-'));
  await mkdir(path.join(dir, 'agents'));
});
afterEach(async () => {
  await source?.stop();
  source = undefined;
  await rm(dir, { recursive: true, force: true });
});

const write = (name: string, description: string, more = ''): Promise<void> =>
  writeFile(
    path.join(dir, `agents/${name}.yaml`),
    `apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: ${name} }\nspec: { description: "${description}"${more} }\n`,
  );
const descriptions = () =>
  definitionsOf(source?.current ?? { definitions: [] }, 'Agent').map(
    (one) => `${one.definition.metadata.name}: ${one.definition.spec.description}`,
  );

async function start(clock: Clock = systemClock) {
  const logger = createMemoryLogger();
  source = createProjectSource({ dir, clock, logger });
  await source.start();
  return logger;
}

describe('the project folder', () => {
  it('is read once at the start and again after each change', async () => {
    await write('one', 'first');
    await start();
    const changes: number[] = [];
    source?.onChange((project) => changes.push(project.definitions.length));
    expect(descriptions()).toEqual(['one: first']);
    await write('one', 'second');
    await expect.poll(descriptions, { timeout: 5000 }).toEqual(['one: second']);
    await write('two', 'new');
    await expect.poll(descriptions, { timeout: 5000 }).toEqual(['one: second', 'two: new']);
    await rm(path.join(dir, 'agents/one.yaml'));
    await expect.poll(descriptions, { timeout: 5000 }).toEqual(['two: new']);
    expect(changes.at(-1)).toBe(1);
  });

  it('keeps the last good version of a file that is broken, and says what is wrong', async () => {
    await writeFile(
      path.join(dir, 'agent33.yaml'),
      'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: p }\nspec: { defaultAgent: one }\n',
    );
    await write('one', 'good');
    const logger = await start();
    await write('one', 'bad', ', wrong: 1');
    await writeFile(path.join(dir, 'agent33.yaml'), 'kind: Project\nspec: {');
    const faults = () =>
      logger.lines
        .filter((line) => line.message === 'definition has a fault')
        .map((line) => line.fields['file']);
    await expect
      .poll(faults, { timeout: 5000 })
      .toEqual(expect.arrayContaining(['agents/one.yaml', 'agent33.yaml']));
    expect(descriptions()).toEqual(['one: good']);
    expect(source?.current.project.spec.defaultAgent).toBe('one');
    await write('one', 'mended');
    await expect.poll(descriptions, { timeout: 5000 }).toEqual(['one: mended']);
  });

  it('begins without a faulty deployment, and keeps the last good list when one becomes faulty later', async () => {
    const list = (head: string, deployments: string): string =>
      `apiVersion: agent33/v1\n${head}\n    chat: [${deployments}]\n`;
    const own = 'kind: Project\nmetadata: { name: p }\nspec:\n models:\n  groups:';
    const more = 'kind: ModelRouter\nmetadata: { name: m }\nspec:\n  groups:';
    const models = (): unknown => ({
      own: source?.current.project.spec.models.groups['chat']?.map(({ model }) => model),
      more: definitionsOf(source?.current ?? { definitions: [] }, 'ModelRouter').map((one) =>
        one.definition.spec.groups['chat']?.map(({ model }) => model),
      ),
    });
    const put = (deployments: string) =>
      Promise.all([
        writeFile(path.join(dir, 'agent33.yaml'), list(own, deployments)),
        writeFile(path.join(dir, 'models/m.yaml'), list(more, deployments)),
      ]);
    await mkdir(path.join(dir, 'models'));
    await put('openai/a, { model: openai/b, id: "x y" }');
    const logger = await start();
    const faults = () =>
      logger.lines.filter((line) => line.message === 'definition has a fault').map((line) => line.fields);
    expect(faults()).toMatchObject([
      { file: 'agent33.yaml', line: 7, field: 'spec.models.groups.chat.1.id' },
      { file: 'models/m.yaml', line: 6, field: 'spec.groups.chat.1.id' },
    ]);
    expect(models()).toEqual({ own: ['a'], more: [['a']] });
    expect(source?.current.problems).toHaveLength(2);

    await put('openai/a, openai/b');
    await expect.poll(models, { timeout: 5000 }).toEqual({ own: ['a', 'b'], more: [['a', 'b']] });

    const told = faults().length;
    await put('openai/c, { model: openai/d, id: "x y" }');
    await expect.poll(() => faults().length, { timeout: 5000 }).toBeGreaterThanOrEqual(told + 2);
    expect(models()).toEqual({ own: ['a', 'b'], more: [['a', 'b']] });
  });

  it('keeps the agent of a file that an editor has emptied, and lets go of one that is commented out', async () => {
    await write('one', 'good');
    await write('two', 'good');
    const logger = await start();
    await writeFile(path.join(dir, 'agents/one.yaml'), '');
    await writeFile(path.join(dir, 'agents/two.yaml'), '# kind: Agent\n');
    await expect.poll(descriptions, { timeout: 5000 }).toEqual(['one: good']);
    const reasons = () => logger.lines.map((line) => line.fields['reason']);
    await expect.poll(reasons, { timeout: 5000 }).toContain('the file is empty');
    expect(descriptions()).toEqual(['one: good']);
  });

  it('keeps what is faulty of a file with several agents, and takes the rest over', async () => {
    const both = (one: string, two: string): Promise<void> =>
      writeFile(
        path.join(dir, 'agents/both.yaml'),
        [one, two]
          .map(
            (spec, index) =>
              `apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: ${index === 0 ? 'one' : 'two'} }\nspec: ${spec}\n`,
          )
          .join('---\n'),
      );
    await both('{ description: old }', '{ description: old }');
    await start();
    await both('{ description: new }', '{ wrong: 1 }');
    await expect.poll(descriptions, { timeout: 5000 }).toEqual(['one: new', 'two: old']);
  });

  it('has an agent once when it moves out of a file that is broken', async () => {
    await write('one', 'good');
    await start();
    await writeFile(path.join(dir, 'agents/one.yaml'), 'kind: [');
    await writeFile(
      path.join(dir, 'agents/moved.yaml'),
      'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: one }\nspec: { description: moved }\n',
    );
    await expect.poll(descriptions, { timeout: 5000 }).toEqual(['one: moved']);
  });

  it('sees a folder go and come back whole', async () => {
    await write('one', 'good');
    await start();
    await rename(path.join(dir, 'agents'), path.join(dir, 'elsewhere'));
    await expect.poll(descriptions, { timeout: 5000 }).toEqual([]);
    await rename(path.join(dir, 'elsewhere'), path.join(dir, 'agents'));
    await expect.poll(descriptions, { timeout: 5000 }).toEqual(['one: good']);
  });

  it('keeps all agents of a folder that cannot be read', async () => {
    await write('one', 'good');
    // The clock stands still: nothing is read while the folder is half changed.
    const clock = new FakeClock();
    const logger = await start(clock);
    await rename(path.join(dir, 'agents'), path.join(dir, 'elsewhere'));
    await writeFile(path.join(dir, 'agents'), 'no folder');
    await expect.poll(() => clock.pending, { timeout: 5000 }).toBe(1);
    await clock.advance(1000);
    const faults = () => logger.lines.map((line) => line.fields['file']);
    await expect.poll(faults, { timeout: 5000 }).toContain('agents');
    expect(descriptions()).toEqual(['one: good']);
  });

  it('starts with what is valid and lists every fault', async () => {
    await write('one', 'good');
    await write('two', 'bad', ', wrong: 1');
    await writeFile(path.join(dir, 'agents/copy.json'), '{"name":"one"}');
    const project = await loadProject(dir);
    expect(project.definitions.map((one) => one.definition.metadata.name)).toEqual(['one']);
    expect(project.problems).toMatchObject([
      {
        file: 'agents/one.yaml',
        field: 'metadata.name',
        message: 'Agent "one" is defined in agents/copy.json already',
      },
      { file: 'agents/two.yaml', field: 'spec.wrong' },
    ]);
  });

  it('is empty, not an error, where there is nothing', async () => {
    expect(await loadProject(path.join(dir, 'nowhere'))).toMatchObject({
      definitions: [],
      problems: [],
    });
  });
});
