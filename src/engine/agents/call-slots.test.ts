import { describe, expect, it } from 'vitest';
import { CallSlots } from './call-slots.ts';

/** Starts named pieces of work that end when told; tells which are at work. */
function ground(width: number) {
  const slots = new CallSlots(width);
  const ends = new Map<string, (error?: Error) => void>();
  const results: Promise<unknown>[] = [];
  const begin = (name: string, alone = false): void => {
    const work = () =>
      new Promise<string>((resolve, reject) => {
        ends.set(name, (error) => {
          ends.delete(name);
          if (error === undefined) resolve(name);
          else reject(error);
        });
      });
    results.push(slots.run({ alone }, work).catch((error: unknown) => error));
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    begin,
    results,
    atWork: async () => {
      await settle();
      return [...ends.keys()];
    },
    end: (name: string, error?: Error) => ends.get(name)?.(error),
  };
}

describe('places for calls', () => {
  it('are as many as their width, and given in order', async () => {
    const { begin, atWork, end } = ground(2);
    for (const name of ['a', 'b', 'c', 'd']) begin(name);
    expect(await atWork()).toEqual(['a', 'b']);
    end('b');
    expect(await atWork()).toEqual(['a', 'c']);
  });

  it('leave one that must be alone alone, and let nobody overtake it', async () => {
    const { begin, atWork, end } = ground(2);
    begin('a');
    begin('alone', true);
    begin('b');
    expect(await atWork()).toEqual(['a']);
    end('a');
    expect(await atWork()).toEqual(['alone']);
    end('alone');
    expect(await atWork()).toEqual(['b']);
  });

  it('are not given on by work that throws, since the run ends with it', async () => {
    const { begin, atWork, end, results } = ground(1);
    begin('a');
    begin('b');
    await atWork();
    end('a', new Error('broken'));
    expect(await results[0]).toMatchObject({ message: 'broken' });
    expect(await atWork()).toEqual([]);
  });
});
