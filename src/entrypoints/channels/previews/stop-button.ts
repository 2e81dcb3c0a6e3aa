import { AppError } from '../../../base/index.ts';
import type { RunService } from '../../../engine/runs/index.ts';
import type { Message } from '../../../protocol/index.ts';
import type { ChannelAdapter } from '../channel-adapter.ts';
import type { CommandDesk } from '../command-desk.ts';
import { scopeOf } from '../turn-request.ts';
import type { ReplyPreviews } from './reply-previews.ts';

/** What the button stands on. */
export interface StopButtonDeps {
  readonly runs: Pick<RunService, 'cancel'>;
  readonly previews: Pick<ReplyPreviews, 'ownerOf'>;
  readonly commands: CommandDesk;
  readonly adapter: () => ChannelAdapter;
}

/** Is it what the button below an unfinished answer says? */
export function isStop(text: string): boolean {
  return text.trim() === '/stop';
}

/** Ends an answer when the button below it is pressed. The stopped run answers for itself. */
export class StopButton {
  readonly #deps: StopButtonDeps;

  constructor(deps: StopButtonDeps) {
    this.#deps = deps;
  }

  /** Below a message it stops the answer in it, for whoever asked; in direct messages all that is in progress. */
  async press(message: Message): Promise<'answered' | 'denied' | 'ignored'> {
    const { runs, previews, commands, adapter } = this.#deps;
    const isDm = message.chat_type === 'dm';
    const { channel, chatId } = adapter().replyAddress(message);
    const owner =
      message.message_id === undefined
        ? undefined
        : await previews.ownerOf({ channel, chatId, messageId: message.message_id });
    if (owner === undefined) {
      if (!isDm) return 'ignored';
      await commands.obey({ name: 'stop', argument: '' }, message);
      return 'answered';
    }
    if (!isDm && owner.userId !== message.user_id) return 'denied';
    try {
      await runs.cancel(scopeOf(message), owner.runId);
    } catch (error) {
      // It ended in the meantime.
      if (!(error instanceof AppError && (error.code === 'conflict' || error.code === 'not_found')))
        throw error;
    }
    return 'answered';
  }
}
