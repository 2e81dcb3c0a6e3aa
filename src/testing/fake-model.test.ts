import { describe, expect, it } from 'vitest';
import { FakeModel, type FakeTurnSource } from './models.ts';

const { signal } = new AbortController();
const say = async (model: FakeModel): Promise<string> =>
  (await model.complete({ model: 'm', messages: [] }, { signal })).text;

describe('FakeModel', () => {
  const turns: readonly FakeTurnSource[] = ['one', { text: 'two' }, (_request, number) => `call ${number}`];

  it('plays its turns in order and records the calls', async () => {
    const model = new FakeModel({ turns });
    expect([await say(model), await say(model), await say(model)]).toEqual(['one', 'two', 'call 2']);
    expect(model.calls).toHaveLength(3);
  });

  it('fails after the last turn, unless told to repeat it or to begin anew', async () => {
    const play = async (afterLast?: 'fail' | 'repeat-last' | 'loop'): Promise<string> => {
      const model = new FakeModel({
        turns: ['one', 'two'],
        ...(afterLast === undefined ? {} : { afterLast }),
      });
      await say(model);
      await say(model);
      return say(model);
    };
    await expect(play()).rejects.toMatchObject({
      code: 'model_rejected',
      message: /called 3 times but has only 2 turns/,
    });
    expect(await play('repeat-last')).toBe('two');
    expect(await play('loop')).toBe('one');
  });

  it('says "ok" for ever when it has no script', async () => {
    const model = new FakeModel();
    expect([await say(model), await say(model)]).toEqual(['ok', 'ok']);
  });
});
