import { AppError, toAppError } from '../../../base/index.ts';
import type { ModelCaller } from '../../accounting/index.ts';
import type { ModelEvent } from '../provider.ts';
import { blockedContent } from './blocked-content.ts';
import type { Guard, GuardedAnswer } from './guard.ts';
import { HeldText } from './held-text.ts';
import { judge, noteVerdict, type JudgeDeps } from './judge.ts';
import { mapTexts } from './request-texts.ts';
import { rewriteText } from './rewrite-text.ts';
import type { TextScan } from './text-scan.ts';

type Events = AsyncIterable<ModelEvent>;
type Finish = Extract<ModelEvent, { type: 'finish' }>;
type Call = Extract<ModelEvent, { type: 'tool-call' }>['call'];
interface CallContext {
  readonly caller: ModelCaller;
  readonly signal: AbortSignal;
}

/** The end without what repeats the answer in a form that was not guarded. */
function plainFinish({ type, finishReason, usage, model }: Finish): Finish {
  return { type, finishReason, usage, model };
}

function scannedCall(name: string, scan: TextScan, call: Call): Call {
  const { invalidArguments } = call;
  const args = mapTexts({ value: call.arguments }, (text) => rewriteText(name, scan, text)).value;
  const raw = invalidArguments === undefined ? undefined : rewriteText(name, scan, invalidArguments);
  if (args === call.arguments && raw === invalidArguments) return call;
  const { providerData: _signed, ...plain } = call;
  return { ...plain, arguments: args, ...(raw === undefined ? {} : { invalidArguments: raw }) };
}

/** Text passes as soon as nothing in it can become a finding any more. */
async function* scanned(
  events: Events,
  guard: Guard,
  scan: TextScan,
  onChange: () => void,
): AsyncGenerator<ModelEvent> {
  const { name } = guard;
  const kinds = ['reasoning-delta', 'text-delta'] as const;
  const held = { 'text-delta': new HeldText(name, scan), 'reasoning-delta': new HeldText(name, scan) };
  let changed = false;
  const note = (): void => {
    if (!changed) onChange();
    changed = true;
  };
  function* flush(...types: readonly (typeof kinds)[number][]): Generator<ModelEvent> {
    for (const type of types) {
      const text = held[type].end();
      if (held[type].changed) note();
      if (text !== '') yield { type, text };
    }
  }
  for await (const event of events) {
    if (event.type === 'text-delta' || event.type === 'reasoning-delta') {
      yield* flush(event.type === 'text-delta' ? 'reasoning-delta' : 'text-delta');
      const text = held[event.type].push(event.text);
      if (held[event.type].changed) note();
      if (text !== '') yield { type: event.type, text };
      continue;
    }
    yield* flush(...kinds);
    if (event.type === 'tool-call') {
      const call = scannedCall(name, scan, event.call);
      if (call !== event.call) note();
      yield { type: 'tool-call', call };
    } else if (event.type === 'finish') {
      const { reasoningParts, extra, providerData } = event;
      const repeated = JSON.stringify([reasoningParts, extra, providerData]);
      yield changed || scan.find(repeated, 0).length > 0 ? plainFinish(event) : event;
    } else yield event;
  }
}

/** Pieces pass at once, until they have become too many. */
async function* watched(events: Events, guard: Guard): AsyncGenerator<ModelEvent> {
  const look = guard.watch?.();
  for await (const event of events) {
    const piece =
      event.type === 'tool-call'
        ? JSON.stringify(event.call.arguments)
        : event.type === 'text-delta' || event.type === 'reasoning-delta'
          ? event.text
          : undefined;
    const reason = piece === undefined ? undefined : look?.(piece);
    if (reason !== undefined) throw blockedContent(guard.name, reason);
    yield event;
  }
}

/** Nothing passes before all of it was seen. */
async function* judged(
  events: Events,
  guard: Guard,
  deps: JudgeDeps,
  context: CallContext,
): AsyncGenerator<ModelEvent> {
  const seen: ModelEvent[] = [];
  const answer = { text: '', reasoning: '', toolCalls: [] as Call[] };
  for await (const event of events) {
    seen.push(event);
    if (event.type === 'text-delta') answer.text += event.text;
    else if (event.type === 'reasoning-delta') answer.reasoning += event.text;
    else if (event.type === 'tool-call') answer.toolCalls.push(event.call);
    else if (event.type === 'error') {
      // What was not judged must not be seen.
      yield event;
      return;
    }
  }
  const value: GuardedAnswer = answer;
  const passed = await judge(deps, guard, 'output', value, context, (asked) =>
    guard.output === undefined ? { action: 'allow' } : guard.output(value, asked),
  );
  if (passed === value) {
    yield* seen;
    return;
  }
  const { text, reasoning, toolCalls } = passed;
  if (reasoning !== '') yield { type: 'reasoning-delta', text: reasoning };
  if (text !== '') yield { type: 'text-delta', text };
  for (const call of toolCalls) yield { type: 'tool-call', call };
  const end = seen.at(-1);
  if (end?.type === 'finish') yield plainFinish(end);
}

/** An answer as one guard lets it be seen. Never rejects: what it stops ends with `error`, and nobody is asked further. */
export async function* guardAnswer(
  events: Events,
  guard: Guard,
  deps: JudgeDeps,
  context: CallContext,
): AsyncGenerator<ModelEvent> {
  const { scan } = guard;
  let passing = events;
  if (guard.watch !== undefined) passing = watched(passing, guard);
  if (scan !== undefined)
    passing = scanned(passing, guard, scan, () => noteVerdict(deps, guard, 'output', 'transform'));
  if (guard.output !== undefined) passing = judged(passing, guard, deps, context);
  try {
    yield* passing;
  } catch (error) {
    const failure = toAppError(error);
    // Its own verdicts are counted where they are made.
    if (guard.output === undefined)
      noteVerdict(deps, guard, 'output', failure.code === 'content_blocked' ? 'block' : 'error');
    yield {
      type: 'error',
      error:
        failure instanceof AppError && failure.code === 'content_blocked'
          ? failure
          : context.signal.aborted
            ? toAppError(context.signal.reason)
            : blockedContent(guard.name, 'it could not judge it', error),
    };
  }
}
