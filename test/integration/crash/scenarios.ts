import type { FakeTelegram } from '../../../src/testing/channels.ts';
import type { CrashGround } from './crash-ground.ts';

/** What the world saw of two requests of one session, the server being killed at a failpoint of the first. */
export interface CrashOutcome {
  readonly answers: readonly string[];
  /** Model calls beyond those that a run without a crash needs. */
  readonly extraModelCalls: number;
  readonly effects: number;
  readonly order: readonly string[];
}

/** May be called again on the same world, once for each failpoint. */
export async function crashOnce(world: CrashGround, failpoint: string): Promise<CrashOutcome> {
  await world.endAt(failpoint);
  const count = (): number => [...world.modelCalls.values()].reduce((sum, calls) => sum + calls, 0);
  const before = { calls: count(), effects: world.effects.size, order: world.order.length };
  const starts = world.starts;
  const answers: string[] = [];
  for (const text of ['one', 'two'])
    answers.push(
      await world.untilAnswered(`${text} at ${failpoint}`, `ses_${failpoint.replaceAll('-', '')}`),
    );
  if (world.starts === starts) throw new Error(`the server did not come by ${failpoint}`);
  return {
    answers,
    extraModelCalls: count() - before.calls - 4,
    effects: world.effects.size - before.effects,
    order: world.order.slice(before.order),
  };
}

/**
 * Somebody writes once in a chat; the server is killed at the failpoint and started again. Returns what the bot said. May be
 * called again in another chat.
 */
export async function crashOnMessage(
  { world, telegram }: { world: CrashGround; telegram: FakeTelegram },
  failpoint: string,
  { chatId = 7, timeoutMs }: { chatId?: number; timeoutMs: number },
): Promise<readonly string[]> {
  const said = (): readonly string[] =>
    telegram.messages.filter((one) => one.chatId === String(chatId)).map(({ text }) => text);
  await world.endAt(failpoint);
  telegram.userSays({ chatId, text: 'hello' });
  await world.ended({ kill: false });
  await world.restart();
  await telegram.waitUntil(() => said().length > 0, 'an answer', timeoutMs).catch(() => {});
  // A second message makes sure that everything before it, a repetition for example, has been sent.
  telegram.userSays({ chatId, text: 'and?' });
  await telegram.waitUntil(
    () => said().some((text) => text.includes('and?')),
    'an answer to the second message',
    20_000,
  );
  await telegram.waitUntilConfirmed();
  return said();
}
