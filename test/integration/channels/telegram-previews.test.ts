import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTelegram } from '../../../src/testing/channels.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';
import { answerSlowly, startPunctualHub } from './preview-ground.ts';

let ground: ChannelGround;
beforeEach(async () => {
  ground = await startChannelGround();
});
afterEach(() => ground.close());

const group = { access: { groups: 'open', requireMention: false }, replies: { preview: 'on' } };
const rows = () => ground.storage.db.selectFrom('answer_previews').selectAll().execute();
const edits = () => ground.telegram.callsOf('editMessageText').length;
const until = (condition: () => boolean, what: string) => ground.telegram.waitUntil(condition, what);

describe('answers that are written in a private chat with Telegram', () => {
  it('are shown as drafts that grow, and sent once', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define()]);
    ground.telegram.userSays({ chatId: 7, text: 'go' });
    await answer.begun;
    answer.say('The answer is **not');
    await until(() => ground.telegram.drafts.length === 1, 'a draft');
    answer.say(' yet** there.');
    await until(() => ground.telegram.drafts.length === 2, 'another draft');
    answer.finish('The answer is **here**.');
    await ground.telegram.waitForMessages(1);
    await ground.untilSent();
    const [first, second] = ground.telegram.drafts;
    expect(first).toMatchObject({ text: 'The answer is not', canStop: true, chatId: '7' });
    expect(second).toMatchObject({ text: 'The answer is not yet there.', draftId: first?.draftId });
    expect(ground.telegram.messages.map(({ text }) => text)).toEqual(['The answer is here.']);
    expect(edits()).toBe(0);
    expect(await rows()).toEqual([]);
  });

  it('are stopped by the button below the draft', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define()]);
    ground.telegram.userSays({ chatId: 7, text: 'go' });
    await answer.begun;
    answer.say('A long story begins');
    await until(() => ground.telegram.drafts.length === 1, 'a draft');
    const [draft] = ground.telegram.drafts;
    if (draft === undefined) throw new Error('no draft');
    ground.telegram.userStops(draft);
    const [message] = await ground.telegram.waitForMessages(1);
    expect(message?.text).toBe('Stopped.');
    await ground.untilSent();
    expect(ground.telegram.messages).toHaveLength(1);
  });

  it.each([
    { fault: { kind: 'error', status: 401, description: 'Unauthorized' } as const, calls: 1 },
    { fault: { kind: 'error', status: 403, description: 'Forbidden' } as const, calls: 1 },
    { fault: { kind: 'rate-limit', retryAfterSeconds: 0 } as const, calls: 1 },
  ])('come all the same when a preview is refused with $fault', async ({ fault, calls }) => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define()]);
    ground.telegram.failNext('sendMessageDraft', fault, fault, fault);
    ground.telegram.userSays({ chatId: 7, text: 'go' });
    await answer.begun;
    answer.say('One. ');
    await ground.telegram.waitForCalls('sendMessageDraft', 1);
    answer.say('Two. ');
    answer.finish('One. Two. Three.');
    await ground.telegram.waitForMessages(1);
    await ground.untilSent();
    expect(ground.telegram.callsOf('sendMessageDraft')).toHaveLength(calls);
    expect(ground.telegram.messages.map(({ text }) => text)).toEqual(['One. Two. Three.']);
  });

  it('are not shown where the channel says so', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define({ replies: { preview: 'off' } })]);
    ground.telegram.userSays({ chatId: 7, text: 'go' });
    await answer.begun;
    answer.say('Not shown');
    answer.finish('Shown');
    await ground.telegram.waitForMessages(1);
    expect(ground.telegram.callsOf('sendMessageDraft')).toEqual([]);
  });
});

describe('answers that are written in a group of Telegram', () => {
  it('are shown in one message, which becomes the answer', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define({ ...group, replies: { preview: 'on', tools: true } })]);
    ground.telegram.userSays({
      chatId: -5,
      userId: 7,
      text: 'go',
      extra: { message_thread_id: 12, is_topic_message: true },
    });
    await answer.begun;
    answer.say('Let me see');
    answer.use('web_search');
    const [message] = await ground.telegram.waitForMessages(1);
    expect(message).toMatchObject({
      text: 'Let me see\n\n… using web_search',
      threadId: 12,
      replyTo: 1,
      buttons: [{ text: 'Stop', data: '/stop' }],
    });
    answer.finish('Done: *it works*.');
    await ground.untilSent();
    expect(ground.telegram.messages).toEqual([
      expect.objectContaining({ text: 'Done: it works.', buttons: [], messageId: message?.messageId }),
    ]);
    expect(ground.telegram.callsOf('sendChatAction')[0]?.parameters).toMatchObject({ message_thread_id: 12 });
  });

  it('are stopped by whoever asked, and by nobody else', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define(group)]);
    ground.telegram.userSays({ chatId: -5, userId: 7, text: 'go' });
    await answer.begun;
    answer.say('A long story begins');
    const [message] = await ground.telegram.waitForMessages(1);
    if (message === undefined) throw new Error('no message');
    const shown = { ...message };
    ground.telegram.userPresses(shown, 'Stop', 8);
    await ground.telegram.waitForCalls('answerCallbackQuery', 1);
    expect(await ground.storage.db.selectFrom('runs').select('cancel_requested_at').execute()).toEqual([
      { cancel_requested_at: null },
    ]);
    ground.telegram.userPresses(shown, 'Stop', 7);
    await until(() => ground.telegram.messages[0]?.text === 'Stopped.', 'the end');
    await ground.untilSent();
    expect(ground.telegram.messages).toHaveLength(1);
  });

  it('continue in further messages where one does not hold them', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define(group)]);
    ground.telegram.userSays({ chatId: -5, userId: 7, text: 'go' });
    await answer.begun;
    const parts = ['a', 'b'].map((letter) => letter.repeat(4000));
    answer.say(parts.join('\n\n'));
    const [message] = await ground.telegram.waitForMessages(1);
    expect(message?.text).toMatch(/^…\nb+$/);
    answer.finish(parts.join('\n\n'));
    await ground.untilSent();
    expect(ground.telegram.messages.map(({ text }) => text)).toEqual(parts);
  });

  it('end in the error where there is no answer', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define(group)]);
    ground.telegram.userSays({ chatId: -5, userId: 7, text: 'go' });
    await answer.begun;
    answer.say('It seems that');
    await ground.telegram.waitForMessages(1);
    answer.fail(new Error('secret'));
    await ground.untilSent();
    expect(ground.telegram.messages.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^Sorry, something went wrong/),
    ]);
  });

  it('are sent anew when somebody has deleted the preview', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define(group)]);
    ground.telegram.userSays({ chatId: -5, userId: 7, text: 'go' });
    await answer.begun;
    answer.say('It seems that');
    const [message] = await ground.telegram.waitForMessages(1);
    ground.telegram.userDeletes(message?.messageId ?? 0);
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(ground.telegram.messages.map(({ text }) => text)).toEqual(['Here it is.']);
  });

  it.each(['stopped', 'killed'])(
    'are one message also when the process is %s before the answer',
    async (how) => {
      const answer = answerSlowly(ground);
      const hub = await startPunctualHub(ground, [ground.define(group)]);
      ground.telegram.userSays({ chatId: -5, userId: 7, text: 'go' });
      await answer.begun;
      answer.say('It seems that');
      const [message] = await ground.telegram.waitForMessages(1);
      await hub.stop();
      // As a process leaves it that was killed: nobody says that the preview has ended.
      if (how === 'killed')
        await ground.storage.db.updateTable('answer_previews').set({ ended_at: null }).execute();
      answer.finish('Here it is.');
      await expect
        .poll(async () => (await ground.storage.db.selectFrom('outbox').select('id').execute()).length)
        .toBe(1);
      await startPunctualHub(ground, [ground.define(group)]);
      await ground.untilSent();
      expect(ground.telegram.messages).toEqual([
        expect.objectContaining({ text: 'Here it is.', messageId: message?.messageId }),
      ]);
    },
  );

  it('edit again after an edit whose confirmation was lost', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define(group)], {
      delivery: { onAmbiguous: 'hold', backOffMs: 10 },
    });
    ground.telegram.userSays({ chatId: -5, userId: 7, text: 'go' });
    await answer.begun;
    answer.say('It seems that');
    await ground.telegram.waitForMessages(1);
    ground.telegram.failNext('editMessageText', { kind: 'cut-after' });
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(ground.telegram.messages.map(({ text }) => text)).toEqual(['Here it is.']);
  });

  it('go to the id that the group has got meanwhile', async () => {
    const answer = answerSlowly(ground);
    await startPunctualHub(ground, [ground.define({ ...group, replies: { preview: 'off' } })]);
    ground.telegram.userSays({ chatId: -5, userId: 7, text: 'go' });
    await answer.begun;
    ground.telegram.migrate(-5, -100_500);
    answer.finish('Here it is.');
    await ground.untilSent();
    expect(ground.telegram.messages).toMatchObject([{ text: 'Here it is.', chatId: '-100500' }]);
  });
});

describe('a Bot API server without drafts', () => {
  it('shows messages that are edited where that is asked for, and asks for a draft once', async () => {
    const old = await FakeTelegram.start({ isOld: true });
    try {
      const spec = { token: old.token, apiBase: old.apiBase, replies: { preview: 'on' } };
      await startPunctualHub(ground, [ground.define(spec)]);
      for (const count of [1, 2]) {
        const answer = answerSlowly(ground);
        old.userSays({ chatId: 7, text: 'go' });
        await answer.begun;
        answer.say('It seems that');
        await old.waitForMessages(count);
        answer.finish(`Here it is: ${count}.`);
        await old.waitUntil(() => old.messages.at(-1)?.text === `Here it is: ${count}.`, 'the answer');
      }
      expect(old.callsOf('sendMessageDraft')).toHaveLength(1);
      expect(old.messages).toHaveLength(2);
    } finally {
      await old.stop();
    }
  });
});
