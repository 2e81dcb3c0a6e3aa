import { AppError } from '../../../base/index.ts';
import type { GuardChain } from '../gateway/guard.ts';
import type { Guard } from './guard.ts';
import { guardAnswer } from './guard-answer.ts';
import { judge, type JudgeDeps } from './judge.ts';
import { mapRequest } from './request-texts.ts';
import { rewriteText } from './rewrite-text.ts';

/** Guards of both sides, in their order. */
export interface GuardLists {
  readonly input: readonly Guard[];
  readonly output: readonly Guard[];
}

type Context = Parameters<GuardChain['input']>;

/** Puts guards together. `fingerprint` tells chains that judge differently apart. */
export function createGuardChain(lists: GuardLists, fingerprint: string, deps: JudgeDeps): GuardChain {
  const { input, output } = lists;

  async function guarded(request: Context[0], caller: Context[1], signal: Context[2]): Promise<Context[0]> {
    let passed = request;
    for (const guard of input) {
      const asked = passed;
      const { scan } = guard;
      if (scan !== undefined) {
        // oxlint-disable-next-line no-await-in-loop -- each guard sees what the one before it let through
        passed = await judge(deps, guard, 'input', asked, { caller, signal }, () => {
          const value = mapRequest(asked, (text) => rewriteText(guard.name, scan, text));
          return value === asked ? { action: 'allow' } : { action: 'transform', value };
        });
      }
      const seen = passed;
      if (guard.input !== undefined)
        // oxlint-disable-next-line no-await-in-loop -- as above
        passed = await judge(deps, guard, 'input', seen, { caller, signal }, (context) =>
          guard.input === undefined ? { action: 'allow' } : guard.input(seen, context),
        );
    }
    return passed;
  }

  return {
    fingerprint,
    guardsInput: input.length > 0,
    guardsOutput: output.length > 0,

    async input(request, caller, signal) {
      const passed = await guarded(request, caller, signal);
      return { request: passed, changed: passed !== request };
    },

    async texts(texts, caller, signal) {
      const messages = texts.map((content) => ({ role: 'user' as const, content }));
      const passed = await guarded({ messages }, caller, signal);
      if (passed.messages === messages) return { texts, changed: false };
      const guardedTexts = passed.messages.map((message) => message.content);
      if (guardedTexts.length !== texts.length || !guardedTexts.every((text) => typeof text === 'string'))
        throw new AppError('content_blocked', 'A guard made something else of the texts than texts.');
      return { texts: guardedTexts, changed: true };
    },

    output: (events, caller, signal) =>
      output.reduce((passing, guard) => guardAnswer(passing, guard, deps, { caller, signal }), events),
  };
}
