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

export async function crashOnce(world: CrashGround, failpoint: string): Promise<CrashOutcome> {
  if (!(await world.start(failpoint))) throw new Error('the server did not start');
  const answers = [
    await world.untilAnswered('one', 'ses_crash'),
    await world.untilAnswered('two', 'ses_crash'),
  ];
  const calls = [...world.modelCalls.values()].reduce((sum, count) => sum + count, 0);
  return { answers, extraModelCalls: calls - 4, effects: world.effects.size, order: world.order };
}

/** Somebody writes once; the server is killed at the failpoint and started again. Returns what the bot said. */
export async function crashOnMessage(
  { world, telegram }: { world: CrashGround; telegram: FakeTelegram },
  failpoint: string,
  timeoutMs: number,
): Promise<readonly string[]> {
  if (!(await world.start(failpoint))) throw new Error('the server did not start');
  telegram.userSays({ chatId: 7, text: 'hello' });
  await world.ended({ kill: false });
  await world.restart();
  await telegram.waitForMessages(1, timeoutMs).catch(() => {});
  // A second message makes sure that everything before it, a repetition for example, has been sent.
  telegram.userSays({ chatId: 7, text: 'and?' });
  await telegram.waitUntil(
    () => telegram.messages.some((message) => message.text.includes('and?')),
    'an answer to the second message',
    20_000,
  );
  return telegram.messages.map((message) => message.text);
}
