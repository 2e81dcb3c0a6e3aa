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
  [0.03, { kind: 'cut-before' }],
  [0.04, { kind: 'cut-after' }],
];

/** Lets one call in seven of the app go wrong. */
function disturbCalls(ground: ChaosGround, seed: number): Record<string, number> {
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
  options: {
    /** Of what goes wrong with the app's calls; left out: nothing does. */
    readonly seed?: number;
    readonly events: readonly ChaosEvent[];
    readonly timeoutMs: number;
    /** Each so-manieth answer needs several messages. */
    readonly longEvery?: number;
  },
): Promise<ChaosRecord> {
  const begun = performance.now();
  const { platforms } = ground;
  const faults = options.seed === undefined ? {} : disturbCalls(ground, options.seed);
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
        const isLong = options.longEvery !== undefined && message % options.longEvery === 1;
        const text = `${textOf(session, message)}${isLong ? '-long' : ''}`;
        own.push(await platforms.say(platformOf(ground, session), session, text));
        noteOne();
      }
      return own;
    }),
  );
  await Promise.all(happening);
  const missing = (): readonly SaidMessage[] => said.flat().filter((one) => !isWhole(ground, one));
  const answered = platforms.watch.until(
    () => missing().length === 0,
    'an answer to every message',
    options.timeoutMs,
  );
  await answered.catch(async (error: unknown) => {
    const names = missing().map(({ platform, text }) => `${platform} ${text}`);
    const stuck = await ground.unfinished();
    throw new Error(`no answer to ${names.join(', ')}; unfinished: ${stuck.join('; ')}`, { cause: error });
  });
  return { said, faults, milliseconds: performance.now() - begun };
}

function platformOf({ platforms }: ChaosGround, session: number): PlatformName {
  const name = platforms.names[session % platforms.names.length] ?? 'telegram';
  // In a channel of Slack the parts of a long answer name only their thread: nobody can tell which message they answer.
  return name === 'slack' && session % 3 === 2 ? 'telegram' : name;
}

function textOf(session: number, message: number): string {
  return `s${String(session).padStart(3, '0')}-m${String(message).padStart(4, '0')}`;
}

const lastLine = 149;

/** Was a message answered, to the last line where the answer is a long one? */
export function isWhole({ platforms }: ChaosGround, said: SaidMessage): boolean {
  const wanted = said.text.endsWith('long') ? `${lastLine}: you said ${said.text}` : said.text;
  return platforms.answersTo(said).some((line) => line.who === 'bot' && line.text.includes(wanted));
}

/** What is wrong with what people see: messages without an answer, answers out of order or mixed up. */
export function lookAtChats(
  ground: ChaosGround,
  { said }: ChaosRecord,
): {
  readonly wrong: readonly string[];
  /** Messages of the bot that came again, by platform. */
  readonly doubled: Readonly<Record<PlatformName, number>>;
} {
  const { platforms } = ground;
  const wrong: string[] = [];
  const doubled: Record<PlatformName, number> = { telegram: 0, slack: 0, discord: 0, whatsapp: 0 };
  for (const [session, messages] of said.entries()) {
    const platform = platformOf(ground, session);
    const texts = new Set<string>();
    const seen = new Set<SaidMessage>();
    let newest = -1;
    for (const line of platforms.chat(platform, session)) {
      if (line.who !== 'bot') continue;
      const place = `${platform} ${session}: "${line.text.slice(0, 60)}"`;
      if (line.answers.length === 0) wrong.push(`${place} answers nothing`);
      if (texts.has(line.text)) {
        doubled[platform] += 1;
        continue;
      }
      texts.add(line.text);
      const isNext = line.answers.every((one, index) => messages[newest + 1 + index] === one);
      const isPartOfNewest = line.answers.length === 1 && line.answers[0] === messages[newest];
      if (!isNext && !isPartOfNewest) wrong.push(`${place} came after message ${newest}`);
      for (const one of line.answers) seen.add(one);
      if (isNext) newest += line.answers.length;
    }
    for (const one of messages)
      if (!seen.has(one) || !isWhole(ground, one))
        wrong.push(`${platform} ${session}: no whole answer to ${one.text}`);
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
