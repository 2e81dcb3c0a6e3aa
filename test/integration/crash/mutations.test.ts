import { expect, it } from 'vitest';
import { mutateSource } from './mutated-source.ts';
import { openGround } from './open-ground.ts';
import { crashOnce, crashOnMessage } from './scenarios.ts';

// The crash tests can fail: with these faults in the sources they do.

it('notice model calls that are not recorded', async () => {
  await using source = await mutateSource({
    file: 'src/engine/runs/journal.ts',
    from: 'await this.#write(written);',
    to: "if (kind !== 'model') await this.#write(written);",
  });
  await using ground = await openGround('embedded', { root: source.root });
  const { extraModelCalls } = await crashOnce(ground.world, 'step-recorded');
  expect(extraModelCalls).toBeGreaterThan(0);
});

it('notice an acknowledgement before the write', async () => {
  await using source = await mutateSource({
    file: 'src/entrypoints/channels/telegram/poller.ts',
    from: 'const { afterAck } = await deps.accept(update);',
    to: 'await deps.state.raise(offsetKey, id + 1, offsetLifeMs);\nconst { afterAck } = await deps.accept(update);',
  });
  await using ground = await openGround('embedded', { root: source.root, channel: true });
  expect(await crashOnMessage(ground, 'submit-begin', { timeoutMs: 3_000 })).toEqual(['answer to and?']);
});
