import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import { FakeModel, FakePlatforms, type TestApp } from '../../../src/testing/index.ts';

let platforms: FakePlatforms;
let app: TestApp;

beforeAll(async () => {
  platforms = await FakePlatforms.start({ seed: 7 });
  const fakeModel = new FakeModel({
    name: 'fake',
    models: ['model'],
    afterLast: 'repeat-last',
    turns: [
      ({ messages }) => {
        const text = String(messages.findLast(({ role }) => role === 'user')?.content);
        return text.includes('hello') ? 'Well met.' : `About ${text}`;
      },
    ],
  });
  app = await createMemoryApp({
    fakeModel,
    env: { EGRESS_ALLOW_PRIVATE: '127.0.0.1' },
    files: {
      'agents/helper.yaml': 'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: helper }\nspec: {}\n',
      ...platforms.channelFiles({ agent: 'helper', busy: 'followup' }),
    },
  });
}, 60_000);
afterAll(async () => {
  await app.stop();
  await platforms.stop();
});
beforeEach(() => {
  platforms.targets = [app.url];
  for (const name of platforms.names)
    Object.assign(platforms.habits[name], { duplicates: 0, mostJitterMs: 0, retryDelaysMs: [20] });
  platforms.disturb(() => undefined);
});

const answered = (said: Parameters<FakePlatforms['answersTo']>[0]): Promise<void> =>
  platforms.watch.until(() => platforms.answersTo(said).length > 0, `an answer to ${said.text}`, 30_000);

it('shows a conversation on every platform as its people see it', async () => {
  for (const name of platforms.names) {
    const first = await platforms.say(name, 1, 'hello there');
    await platforms.watch.until(
      () => platforms.chat(name, 1).some(({ who }) => who === 'bot'),
      'the first answer',
      30_000,
    );
    const second = await platforms.say(name, 1, 'question b');
    await answered(second);
    const lines = platforms.chat(name, 1).filter(({ who }) => who !== 'typing');
    expect(lines).toMatchObject([
      { who: 'person', said: first, text: 'hello there' },
      { who: 'bot', text: 'Well met.' },
      { who: 'person', said: second },
      { who: 'bot', answers: [second] },
    ]);
  }
  // In a channel of Slack both events of a mention are one message, and the thread says what is answered.
  const mention = await platforms.say('slack', 2, 'hello');
  await answered(mention);
  expect(platforms.answersTo(mention)).toMatchObject([{ text: 'Well met.' }]);
});

it('sends an event twice, and again to another process until one acknowledges it', async () => {
  const dead = 'http://127.0.0.1:9';
  platforms.targets = [dead, app.url];
  for (const name of platforms.names) platforms.habits[name].duplicates = 1;
  const before = app.fakeModel.calls.length;
  await Promise.all(
    [3, 6].flatMap((chat) => platforms.names.map((name) => platforms.say(name, chat, `${name} ${chat}`))),
  );
  await platforms.watch.until(
    () =>
      [3, 6].every((chat) =>
        platforms.names.every((name) => platforms.chat(name, chat).some(({ who }) => who === 'bot')),
      ),
    'eight answers',
    30_000,
  );
  expect(platforms.calls.duplicates).toBe(8);
  expect(platforms.calls.repetitions).toBeGreaterThan(0);
  expect(app.fakeModel.calls.length - before).toBe(8);
});

it('lets calls of the app fail as it is told, and counts those whose answer was lost', async () => {
  const kinds = ['error', 'cut-before', 'cut-after'] as const;
  const counts = { telegram: 0, slack: 0, discord: 0, whatsapp: 0 };
  platforms.disturb((name, kind) => {
    if (kind !== 'send') return undefined;
    const fault = kinds[counts[name]];
    counts[name] += 1;
    return fault === undefined ? undefined : { kind: fault };
  });
  for (const name of platforms.names) {
    await answered(await platforms.say(name, 4, 'trouble'));
    await platforms[name].watch.until(() => counts[name] >= 4, `the repetition on ${name}`, 30_000);
  }
  expect(platforms.ambiguousSends).toEqual({ telegram: 1, slack: 1, discord: 1, whatsapp: 1 });
  // Telegram and WhatsApp know no message again.
  const seen = (name: (typeof platforms.names)[number]): number =>
    platforms.chat(name, 4).filter(({ who }) => who === 'bot').length;
  await platforms.watch.until(() => seen('telegram') === 2 && seen('whatsapp') === 2, 'the doubles', 30_000);
  expect([seen('slack'), seen('discord')]).toEqual([1, 1]);
});
