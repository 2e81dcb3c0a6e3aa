import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import {
  builtFrom,
  createMemoryLogger,
  FakeClock,
  modelListDeps,
  modelSources,
} from '../../../testing/index.ts';
import type { ModelList } from '../router/deployment.ts';
import {
  createModelListSource,
  type ModelListSource,
  type ModelListSourceDeps,
} from './model-list-source.ts';

let dir: string;
let source: ModelListSource | undefined;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'agent33-models-'));
});
afterEach(async () => {
  await source?.stop();
  source = undefined;
  await rm(dir, { recursive: true, force: true });
});

function create(given: Partial<ModelListSourceDeps> = {}) {
  const logger = createMemoryLogger();
  const made = createModelListSource({ dir, logger, ...modelListDeps(), ...given });
  const lists: ModelList[] = [];
  made.onChange((list) => lists.push(list));
  source = made;
  return { source: made, logger, lists };
}

const models = (list: ModelList | undefined) =>
  [...(list?.groups ?? [])].map(([name, group]) => `${name}: ${group.map((one) => one.model).join(' ')}`);
const litellm = (...names: readonly string[]): string =>
  `model_list:\n${names.map((name) => `  - { model_name: ${name}, litellm_params: { model: openai/${name} } }\n`).join('')}`;
const write = (text: string, file = 'litellm.yaml') => writeFile(path.join(dir, file), text);

describe('the model list of a process', () => {
  it('is empty until it is given something, and follows what it is given', async () => {
    const { source, lists } = create();
    expect(source.current().groups.size).toBe(0);
    await source.apply(
      modelSources('groups: { chat: [{ id: a, model: openai/a }, { id: b, model: openai/b }] }'),
    );
    const before = source.current();
    const call = before.groups.get('chat')?.[0];
    await source.apply(
      modelSources('groups: { chat: [{ id: a, model: openai/a, rpm: 3 }], more: [openai/c] }'),
    );
    expect(models(source.current())).toEqual(['chat: a', 'more: c']);
    expect(lists).toHaveLength(2);
    // A call under way keeps the list and the deployment that it began with.
    expect(models(before)).toEqual(['chat: a b']);
    expect(call?.provider().name).toBe('openai');
    // What did not change has its id and its provider still.
    expect(source.current().groups.get('chat')?.[0]?.provider()).toBe(call?.provider());
  });

  it('stays what it was when nothing changes', async () => {
    const { source, lists } = create();
    await source.apply(modelSources('groups: { chat: [openai/a] }'));
    const before = source.current();
    await source.apply(modelSources('groups: { chat: [openai/a] }'));
    expect(source.current()).toBe(before);
    expect(lists).toHaveLength(1);
    await source.apply(modelSources('groups: { chat: [openai/a] }\nprices: { a: { inputPerMillion: 1 } }'));
    expect(source.current().groups.get('chat')?.[0]?.price).toMatchObject({ inputPerMillion: 1 });
  });

  it('keeps the last good one when a change has faults, and says what is wrong', async () => {
    const { source, logger, lists } = create();
    await source.apply(modelSources('groups: { chat: [openai/a] }'));
    await source.apply(modelSources('groups: { chat: [openai/b] }\nrouter: { default_fallbacks: [chta] }'));
    expect(models(source.current())).toEqual(['chat: a']);
    expect(source.faults()).toMatchObject([{ file: 'agent33.yaml', line: 7 }]);
    expect(logger.lines.map((line) => line.message)).toEqual([
      'the model list has a fault',
      'the model list stays as it was',
    ]);
    expect(logger.lines[0]?.fields).toMatchObject({
      line: 7,
      reason: expect.stringContaining('did you mean "chat"') as string,
    });
    await source.apply(modelSources('groups: { chat: [openai/b] }\nrouter: { default_fallbacks: [chat] }'));
    expect(models(source.current())).toEqual(['chat: b']);
    expect(source.faults()).toEqual([]);
    expect(lists).toHaveLength(2);
  });

  it('begins with what is valid of a faulty one', async () => {
    const { source } = create();
    await source.apply(modelSources('groups: { chat: [openai/a] }\naliases: { fast: nowhere }'));
    expect(models(source.current())).toEqual(['chat: a']);
    expect(source.faults()).toHaveLength(1);
  });

  it('is the last of several changes at once', async () => {
    const { source, lists } = create();
    await Promise.all(
      ['a', 'b', 'c'].map((name) => source.apply(modelSources(`groups: { chat: [openai/${name}] }`))),
    );
    expect(models(source.current())).toEqual(['chat: c']);
    expect(lists.length).toBe(1);
  });

  it('tells notes once', async () => {
    const { source, logger } = create();
    const given = (name: string) =>
      modelSources(
        `groups: { chat: [{ id: x, model: openai/a, api_key: os.environ/NOPE }], b: [openai/${name}] }`,
      );
    await source.apply(given('one'));
    await source.apply(given('two'));
    expect(logger.lines.map((line) => line.message)).toEqual(['model list']);
  });
});

describe('a LiteLLM file', () => {
  const started = async (given: Partial<ModelListSourceDeps> = {}) => {
    const made = create(given);
    await made.source.apply({ definitions: [], litellm: 'litellm.yaml' });
    await made.source.start();
    await made.source.start();
    return made;
  };
  const now = () => models(source?.current());
  const soon = { timeout: 5000 };

  it('is taken over when it changes, however it is written', async () => {
    await write(litellm('one'));
    await started({ clock: systemClock });
    expect(now()).toEqual(['one: one']);
    await write(litellm('two'));
    await expect.poll(now, soon).toEqual(['two: two']);
    // As editors do it.
    await write(litellm('three'), 'new');
    await rename(path.join(dir, 'new'), path.join(dir, 'litellm.yaml'));
    await expect.poll(now, soon).toEqual(['three: three']);
  });

  it('is taken over when a mounted configuration is switched over', async () => {
    await mkdir(path.join(dir, 'v1'));
    await mkdir(path.join(dir, 'v2'));
    await write(litellm('one'), 'v1/litellm.yaml');
    await write(litellm('two'), 'v2/litellm.yaml');
    await symlink('v1', path.join(dir, 'data'));
    await symlink('data/litellm.yaml', path.join(dir, 'litellm.yaml'));
    await started();
    expect(now()).toEqual(['one: one']);
    await symlink('v2', path.join(dir, 'data_tmp'));
    await rename(path.join(dir, 'data_tmp'), path.join(dir, 'data'));
    await expect.poll(now, soon).toEqual(['two: two']);
  });

  it('keeps its last good version while it is broken or gone, and is found when it comes back', async () => {
    await write(litellm('one'));
    const { logger } = await started();
    await write('model_list: [');
    await expect.poll(() => source?.faults(), soon).toMatchObject([{ file: 'litellm.yaml', line: 1 }]);
    expect(now()).toEqual(['one: one']);
    await unlink(path.join(dir, 'litellm.yaml'));
    await expect.poll(() => source?.faults(), soon).toMatchObject([{ message: 'there is no such file' }]);
    expect(now()).toEqual(['one: one']);
    await write(litellm('two'));
    await expect.poll(now, soon).toEqual(['two: two']);
    expect(source?.faults()).toEqual([]);
    expect(logger.lines.some((line) => line.message === 'the model list stays as it was')).toBe(true);
  });

  it('brings the files that it includes, which are watched too', async () => {
    await mkdir(path.join(dir, 'parts'));
    await write(`include: [parts/more.yaml]\n${litellm('one')}`);
    await write(litellm('two'), 'parts/more.yaml');
    await started();
    expect(now()).toEqual(['one: one', 'two: two']);
    await write(litellm('three'), 'parts/more.yaml');
    await expect.poll(now, soon).toEqual(['one: one', 'three: three']);
  });

  it('that appears in a folder that did not exist is named as missing, not watched, and no failure', async () => {
    const made = create();
    await made.source.apply({ definitions: [], litellm: 'nowhere/litellm.yaml' });
    await made.source.start();
    expect(made.source.faults()).toMatchObject([{ file: 'nowhere/litellm.yaml' }]);
    expect(made.logger.lines.map((line) => line.message)).toContain(
      'the folder is not watched; restart to take changes of its files over',
    );
  });

  it('is no longer watched after the stop', async () => {
    await write(litellm('one'));
    const clock = new FakeClock();
    const made = await started({ clock });
    await made.source.stop();
    await made.source.stop();
    expect(clock.pending).toBe(0);
  });
});

it('asks again for secrets, which may change in their store', async () => {
  const clock = new FakeClock();
  const secrets = { value: 'one' };
  const { source, lists } = create({ clock, secrets: { get: () => secrets.value } });
  await source.apply(modelSources("groups: { chat: [{ id: a, model: openai/a, api_key: 'secret:o:k' }] }"));
  await source.start();
  const settings = () => builtFrom(source.current().groups.get('chat')?.[0]).settings;
  expect(settings()).toEqual({ api_key: 'one' });
  await clock.advance(300_000);
  expect(lists).toHaveLength(1);
  secrets.value = 'two';
  await clock.advance(300_000);
  await expect.poll(settings).toEqual({ api_key: 'two' });
  expect(source.current().groups.get('chat')?.[0]?.id).toBe('a');
  // Without anything from the store nobody asks.
  await source.apply(modelSources('groups: { chat: [openai/a] }'));
  expect(clock.pending).toBe(0);
});
