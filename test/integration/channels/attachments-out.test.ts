import { expect, it } from 'vitest';
import { systemClock } from '../../../src/base/index.ts';
import type { RunFile } from '../../../src/protocol/index.ts';
import type { ChannelGround } from './channel-ground.ts';
import { describeOnBothDatabases } from './channel-databases.ts';

let ground: ChannelGround;

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(500, 7)]);
const shown = () =>
  ground.telegram.messages.map(({ text, file }) => (file === undefined ? text : `file ${file.name}`));

/** The agent answers with these files, stored as a tool stores them. */
function answerWith(...files: readonly { name: string; bytes: Uint8Array }[]): void {
  ground.executor.files = ({ scope, runId, step }) =>
    step(
      'files',
      'compute',
      async () => {
        const kept: RunFile[] = [];
        for (const file of files) kept.push(await ground.files.add(scope, runId, `${runId}:files`, file));
        return kept;
      },
      { input: null },
    );
}

describeOnBothDatabases(
  'files of an answer',
  (opened) => (ground = opened),
  () => {
    it('follow its text, pictures as pictures', async () => {
      answerWith({ name: 'chart.png', bytes: png }, { name: 'a.csv', bytes: Buffer.from('a,b\n1,2\n') });
      await ground.startHub([ground.define()]);
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      await ground.telegram.waitForMessages(3);
      await ground.untilSettled();
      expect(shown()).toEqual(['echo: go', 'file chart.png', 'file a.csv']);
      const [, photo, document] = ground.telegram.messages;
      expect(photo?.file).toMatchObject({ field: 'photo', mimeType: 'image/png' });
      expect(photo?.file?.bytes.equals(png)).toBe(true);
      expect(document?.file).toMatchObject({ field: 'document', mimeType: 'text/csv' });
      expect(await ground.outbox()).toMatchObject([{ status: 'sent', cursor: 3 }]);
    });

    it('go on behind the last accepted one after a stop between two of them', async () => {
      answerWith({ name: 'one.txt', bytes: Buffer.from('1') }, { name: 'two.txt', bytes: Buffer.from('2') });
      const first = await ground.startHub([ground.define()], { clock: systemClock });
      ground.telegram.failNext(
        'sendDocument',
        { kind: 'slow', delayMs: 0 },
        { kind: 'error', status: 500, description: 'Internal' },
      );
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      await ground.telegram.waitForCalls('sendDocument', 2);
      await first.stop();
      expect(await ground.outbox()).toMatchObject([{ status: 'sending', cursor: 2 }]);
      await ground.startHub([ground.define()]);
      await ground.telegram.waitForMessages(3);
      await ground.untilSettled();
      expect(shown()).toEqual(['echo: go', 'file one.txt', 'file two.txt']);
    });

    it('are named in words where the platform does not take them, and the others follow', async () => {
      answerWith({ name: 'bad.txt', bytes: Buffer.from('1') }, { name: 'good.txt', bytes: Buffer.from('2') });
      await ground.startHub([ground.define()]);
      ground.telegram.failNext('sendDocument', { kind: 'error', status: 413, description: 'Too Large' });
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      await ground.telegram.waitForMessages(3);
      await ground.untilSettled();
      expect(shown()[1]).toMatch(
        /^bad\.txt \(1 bytes\) could not be sent here: .*Too Large.*fil_\w+ of run run_/,
      );
      expect(shown()[2]).toBe('file good.txt');
    });

    it('are only those of the run itself', async () => {
      const foreign = await ground.files.keep('default', {
        name: 'secret.txt',
        bytes: Buffer.from('secret'),
      });
      ground.executor.files = () => Promise.resolve([foreign]);
      await ground.startHub([ground.define()]);
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      await ground.telegram.waitForMessages(2);
      expect(shown()[1]).toContain('it is no longer stored');
    });

    it('fail with their chat', async () => {
      answerWith({ name: 'one.txt', bytes: Buffer.from('1') });
      await ground.startHub([ground.define()]);
      ground.telegram.failNext('sendDocument', { kind: 'error', status: 403, description: 'blocked' });
      ground.telegram.userSays({ chatId: 7, text: 'go' });
      await ground.untilSettled();
      expect(await ground.outbox()).toMatchObject([{ status: 'failed', cursor: 1 }]);
    });

    it('can be files that came with the request', async () => {
      ground.executor.files = ({ input }) =>
        Promise.resolve((input as unknown as { files: readonly RunFile[] }).files);
      await ground.startHub([ground.define()]);
      ground.telegram.userSendsFile({ chatId: 7, bytes: png, name: 'mine.png' });
      await ground.telegram.waitForMessages(2);
      expect(ground.telegram.messages[1]?.file?.bytes.equals(png)).toBe(true);
    });
  },
);
