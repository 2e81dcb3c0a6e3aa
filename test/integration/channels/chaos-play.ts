import { seededRandom } from '../../../src/testing/chaos-upstream.ts';
import type { PlatformFault, PlatformName, SaidMessage } from '../../../src/testing/channels.ts';
import type { ChaosGround } from './chaos-ground.ts';

/** How much is played. */
export interface ChaosSize {
  readonly sessions: number;
  readonly messages: number;
}

/** Something that happens to the processes, after this share of the messages was acknowledged. */
export interface ChaosEvent {
  readonly at: number;
  readonly happens: (ground: ChaosGround) => Promise<void>;
}

/** What was said, and how the app's calls went wrong. */
export interface ChaosRecord {
  readonly said: readonly (readonly SaidMessage[])[];
  readonly faults: Readonly<Record<string, number>>;
  readonly milliseconds: number;
}

const shares: readonly (readonly [number, PlatformFault])[] = [
  [0.01, { kind: 'rate-limit', retryAfterSeconds: 1 }],
  [0.03, { kind: 'error' }],
  [0.03, { kind: 'slow', delayMs: 40 }],
  [0.02, { kind: 'cut-before' }],
  [0.02, { kind: 'cut-after' }],
];

/** Lets one call in nine of the app go wrong. */
export function disturbCalls(ground: ChaosGround, seed: number): Record<string, number> {
  const random = seededRandom(seed);
  const counts: Record<string, number> = {};
  ground.platforms.disturb((_platform, kind) => {
    if (kind === 'other') return undefined;
    let draw = random();
    for (const [share, fault] of shares) {
      if (draw < share) {
        counts[fault.kind] = (counts[fault.kind] ?? 0) + 1;
        return fault;
      }
      draw -= share;
    }
    return undefined;
  });
  return counts;
}

/** Lets people write in every session at the same time while things happen; resolves when all of it is answered. */
export async function play(
  ground: ChaosGround,
  size: ChaosSize,
  options: { readonly seed: number; readonly events: readonly ChaosEvent[]; readonly timeoutMs: number },
): Promise<ChaosRecord> {
  const begun = performance.now();
  const { platforms } = ground;
  const faults = disturbCalls(ground, options.seed);
  const total = size.sessions * size.messages;
  let acknowledged = 0;
  const happening: Promise<void>[] = [];
  const left = [...options.events];
  const noteOne = (): void => {
    acknowledged += 1;
    for (let next = left[0]; next !== undefined && acknowledged >= next.at * total; next = left[0]) {
      left.shift();
      // One after the other: at most one process is away at a time.
      happening[0] = (happening[0] ?? Promise.resolve()).then(() => next.happens(ground));
      happening[0].catch(() => {});
    }
  };
  const said = await Promise.all(
    Array.from({ length: size.sessions }, async (_unused, session) => {
      const own: SaidMessage[] = [];
      for (let message = 0; message < size.messages; message += 1) {
        own.push(await platforms.say(platformOf(ground, session), session, textOf(session, message)));
        noteOne();
      }
      return own;
    }),
  );
  await Promise.all(happening);
  await platforms.watch.until(
    () => said.flat().every((one) => platforms.answersTo(one).length > 0),
    'an answer to every message',
    options.timeoutMs,
  );
  return { said, faults, milliseconds: performance.now() - begun };
}

export function platformOf({ platforms }: ChaosGround, session: number): PlatformName {
  return platforms.names[session % platforms.names.length] ?? 'telegram';
}

function textOf(session: number, message: number): string {
  return `s${String(session).padStart(3, '0')}-m${String(message).padStart(4, '0')}`;
}

/** What is wrong with what people see: messages without an answer, answers that came twice or out of order. */
export function lookAtChats(
  ground: ChaosGround,
  { said }: ChaosRecord,
): {
  readonly wrong: readonly string[];
  /** Answers beyond the first, by platform. */
  readonly doubled: Readonly<Record<PlatformName, number>>;
} {
  const { platforms } = ground;
  const wrong: string[] = [];
  const doubled: Record<PlatformName, number> = { telegram: 0, slack: 0, discord: 0 };
  for (const [session, messages] of said.entries()) {
    const platform = platformOf(ground, session);
    const seen = new Set<SaidMessage>();
    let newest = -1;
    for (const line of platforms.chat(platform, session)) {
      if (line.who !== 'bot') continue;
      if (line.answers.length === 0) wrong.push(`${platform} ${session}: "${line.text}" answers nothing`);
      const places = line.answers.map((one) => messages.indexOf(one));
      if (line.answers.every((one) => seen.has(one))) {
        doubled[platform] += 1;
        continue;
      }
      if (line.answers.some((one) => seen.has(one)))
        wrong.push(`${platform} ${session}: "${line.text}" answers something again beside something new`);
      if (places.some((place, index) => place !== newest + 1 + index))
        wrong.push(`${platform} ${session}: "${line.text}" came after message ${newest}`);
      newest = Math.max(newest, ...places);
      for (const one of line.answers) seen.add(one);
    }
    for (const one of messages)
      if (!seen.has(one)) wrong.push(`${platform} ${session}: no answer to ${one.text}`);
  }
  return { wrong, doubled };
}

/** Typing that was shown later than so many milliseconds after the last answer of its chat. */
export function lateTyping(ground: ChaosGround, { said }: ChaosRecord, graceMs: number): readonly string[] {
  const { platforms } = ground;
  return said.flatMap((_messages, session) => {
    const platform = platformOf(ground, session);
    const lines = platforms.chat(platform, session);
    const end = lines.findLast(({ who }) => who === 'bot')?.atMs ?? 0;
    return lines
      .filter((line) => line.who === 'typing' && line.atMs > end + graceMs)
      .map(
        (line) => `${platform} ${session}: typing ${Math.round(line.atMs - end)} ms after the last answer`,
      );
  });
}
