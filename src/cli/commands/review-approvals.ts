import { createInterface } from 'node:readline/promises';
import { isJsonObject, visibleLine, type JsonObject } from '../../base/index.ts';
import type { ApiClient } from '../api-client.ts';
import { say, type CliContext } from '../cli-context.ts';
import { exitCodes, toCliError, usageError } from '../cli-error.ts';
import { answerFor, describeApproval } from '../describe-approval.ts';
import { plainText, rowsOf } from '../output.ts';

const words = { a: 'approve', r: 'reject', s: 'skip', q: 'quit' } as const;
type Word = (typeof words)[keyof typeof words];

/** What was typed: a decision by its first letter or its word, and what stands behind it. */
function readChoice(line: string): { readonly word: Word | undefined; readonly rest: string } {
  const [, typed = '', rest = ''] = /^\s*(\S+)\s*(.*)$/.exec(line) ?? [];
  const word = Object.values(words).find(
    (one) => one === typed.toLowerCase() || (typed.length === 1 && one.startsWith(typed.toLowerCase())),
  );
  return { word: word ?? (typed.toLowerCase() === 'answer' ? 'approve' : undefined), rest: rest.trim() };
}

/** Sends a decision about exactly what was shown. */
async function send(context: CliContext, client: ApiClient, asked: JsonObject, word: Word, rest: string) {
  const isQuestion = asked['kind'] === 'question' && word === 'approve';
  const body = await client.call(
    'POST',
    `/api/v1/approvals/${encodeURIComponent(plainText(asked['id']))}/decision`,
    {
      body: {
        decision: isQuestion ? 'answer' : word,
        ...(isQuestion ? { answer: answerFor(asked, rest) } : rest === '' ? {} : { comment: rest }),
        arguments_hash: asked['arguments_hash'] ?? null,
      },
    },
  );
  const status = isJsonObject(body) ? plainText(body['status']) : '';
  say(context, `${status}: ${visibleLine(plainText(asked['title']), 200)}`);
}

/** Everything that waits, the oldest first. */
async function waiting(client: ApiClient, run: string | undefined): Promise<readonly JsonObject[]> {
  const query = new URLSearchParams({ status: 'pending', limit: '100' });
  if (run !== undefined) query.set('run_id', run);
  return rowsOf(await client.call('GET', `/api/v1/approvals?${query.toString()}`)).toReversed();
}

/** Shows what waits for a decision, one after the other, and asks. Error: `usage` without a terminal. */
export async function reviewApprovals(
  context: CliContext,
  client: ApiClient,
  run: string | undefined,
): Promise<void> {
  if (context.stdin.isTTY !== true)
    throw usageError(
      'review asks at a terminal, and there is none',
      'use approvals list, show, approve, reject and answer',
    );
  const pending = await waiting(client, run);
  if (pending.length === 0) {
    say(context, 'nothing waits for a decision');
    return;
  }
  const lines = createInterface({ input: context.stdin, output: context.stderr, terminal: true });
  // Ctrl-C at the prompt ends the review as q does.
  lines.on('SIGINT', () => lines.close());
  const typed = lines[Symbol.asyncIterator]();
  try {
    for (const [index, asked] of pending.entries()) {
      context.stdout.write(`\n${describeApproval(asked)}\n`);
      const yes = asked['kind'] === 'question' ? '[a]nswer TEXT' : '[a]pprove [comment]';
      for (let decided = false; !decided;) {
        lines.setPrompt(`${index + 1}/${pending.length}  ${yes}, [r]eject [reason], [s]kip, [q]uit > `);
        lines.prompt();
        const next = await typed.next();
        const { word, rest } = readChoice(next.done === true ? 'q' : next.value);
        if (word === 'quit') return;
        if (word === 'skip') break;
        if (word === undefined) continue;
        try {
          await send(context, client, asked, word, rest);
          decided = true;
        } catch (error) {
          if (context.signal.aborted) throw error;
          const { message, exitCode } = toCliError(error);
          say(context, message);
          // Somebody else was faster, or it waits no longer: nothing is left to decide here.
          decided = exitCode === exitCodes.conflict;
        }
      }
    }
  } finally {
    lines.close();
  }
}
