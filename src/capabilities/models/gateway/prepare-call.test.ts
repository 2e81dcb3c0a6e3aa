import { describe, expect, it } from 'vitest';
import { systemScope } from '../../../protocol/index.ts';
import { modelListOf } from '../../../testing/dispatcher-ground.ts';
import { prepareCall } from './prepare-call.ts';

const list = modelListOf(
  { chat: [{ id: 'chat-1' }], secret: [{ id: 'secret-1' }] },
  {},
  { fast: 'chat', faster: 'fast', hidden: 'secret', 'gpt-house': 'secret' },
);

const ask = (models: readonly string[], name: string) =>
  prepareCall(
    {
      callers: { attributesOf: () => Promise.resolve({ tags: [], models }) },
      target: () => name,
      list: () => list,
    },
    {
      caller: { scope: systemScope, requestId: 'r' },
      reference: { name },
      stream: false,
      request: () => ({ messages: [] }),
      signal: new AbortController().signal,
    },
    'chat',
  );

describe('a key with models', () => {
  it.each([
    [['chat'], 'chat'],
    [['chat'], 'fast'],
    [['chat'], 'faster'],
    [['ch*'], 'fast'],
    // Whoever gives a key the alias gives it what stands behind it, under that name.
    [['hidden'], 'hidden'],
    [['gpt-*'], 'gpt-house'],
  ])('%j may ask for %s', async (models, name) => {
    const { dispatch, model } = await ask(models, name);
    expect(model).toBe(name);
    expect(dispatch.permits?.(name)).toBe(true);
    expect(dispatch.permits?.('other')).toBe(false);
  });

  it.each([
    [['chat'], 'secret'],
    [['chat'], 'hidden'],
    [['chat'], 'nobody'],
    [['hidden'], 'secret'],
    [['fast'], 'chat'],
    [['fast'], 'faster'],
  ])('%j may not ask for %s', async (models, name) => {
    await expect(ask(models, name)).rejects.toMatchObject({ code: 'forbidden' });
  });
});
