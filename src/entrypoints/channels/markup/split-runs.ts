import type { StyledRun, TextStyle } from './styled-run.ts';

/** How a platform's markup grows a text. */
export interface MarkupCosts {
  /** Length of a character of the text once escaped, given by its UTF-16 unit. */
  unit(code: number): number;
  /** Length of the tags around a run of this style. */
  tags(style: TextStyle): number;
}

/** How good a place is to cut at, best last. */
const cutRanks = { hard: 0, space: 1, sentence: 2, newline: 3, paragraph: 4 } as const;

interface Cut {
  readonly run: number;
  /** First character of the run that belongs to the next chunk. */
  readonly offset: number;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const longestLookBack = 1000;

/**
 * Cuts styled runs into chunks that each fit `limit` once rendered: at a paragraph, else a line, a sentence, a space,
 * else between two graphemes; only a grapheme longer than the limit is cut by code points. A run that is cut goes on in
 * the next chunk in the same style. No chunk is blank; white space at a cut is dropped. Linear time.
 */
export function splitRuns(
  source: readonly StyledRun[],
  options: { limit: number; costs: MarkupCosts },
): readonly (readonly StyledRun[])[] {
  const runs = source.map((run) =>
    options.costs.tags(run.style) > options.limit / 2 ? { text: run.text, style: {} } : run,
  );
  const chunks: (readonly StyledRun[])[] = [];
  let from: Cut = skipBlank(runs, { run: 0, offset: 0 });
  while (from.run < runs.length) {
    const until = nextCut(runs, from, options);
    const chunk = trimEnd(slice(runs, from, until));
    if (chunk.length > 0) chunks.push(chunk);
    from = skipBlank(runs, until);
  }
  return chunks;
}

/** The place where the chunk that begins at `from` ends. */
function nextCut(
  runs: readonly StyledRun[],
  from: Cut,
  { limit, costs }: { limit: number; costs: MarkupCosts },
): Cut {
  const best: (Cut & { size: number })[] = [];
  let size = 0;
  for (let index = from.run; index < runs.length; index += 1) {
    const run = runs[index];
    if (run === undefined) break;
    const tags = costs.tags(run.style);
    const start = index === from.run ? from.offset : 0;
    size += tags;
    for (let offset = start; offset < run.text.length; offset += 1) {
      const cost = costs.unit(run.text.charCodeAt(offset));
      if (size + cost > limit) return chooseCut(runs, from, { run: index, offset }, best, limit);
      size += cost;
      const rank = rankAfter(runs, index, offset);
      if (rank > cutRanks.hard) best[rank] = { run: index, offset: offset + 1, size };
    }
  }
  return { run: runs.length, offset: 0 };
}

/** The best kind of cut that does not waste more than half of the chunk, else the last space, else between graphemes. */
function chooseCut(
  runs: readonly StyledRun[],
  from: Cut,
  end: Cut,
  best: readonly (Cut & { size: number })[],
  limit: number,
): Cut {
  for (let rank: number = cutRanks.paragraph; rank > cutRanks.hard; rank -= 1) {
    const cut = best[rank];
    if (cut !== undefined && cut.size >= limit / 2) return cut;
  }
  const start = end.run === from.run ? from.offset : 0;
  const offset = graphemeBoundary(runs[end.run]?.text ?? '', start, end.offset);
  if (offset > start) return { run: end.run, offset };
  // Nothing of this run fits behind what stands before it.
  if (end.run > from.run) return { run: end.run, offset: 0 };
  return { run: end.run, offset: codePointBoundary(runs[end.run]?.text ?? '', start, end.offset) };
}

function rankAfter(runs: readonly StyledRun[], index: number, offset: number): number {
  const text = runs[index]?.text ?? '';
  const code = text.charCodeAt(offset);
  if (code === 10)
    return (offset > 0 ? text.charCodeAt(offset - 1) : lastCode(runs[index - 1])) === 10
      ? cutRanks.paragraph
      : cutRanks.newline;
  if (code === 0x3002 || code === 0xff01 || code === 0xff1f) return cutRanks.sentence;
  if (code !== 32 && code !== 9) return cutRanks.hard;
  const before = offset > 0 ? text.charCodeAt(offset - 1) : lastCode(runs[index - 1]);
  return before === 46 || before === 33 || before === 63 ? cutRanks.sentence : cutRanks.space;
}

function lastCode(run: StyledRun | undefined): number {
  return run === undefined ? 0 : run.text.charCodeAt(run.text.length - 1);
}

/** The last grapheme boundary in `(start, end]`, or `start`. */
function graphemeBoundary(text: string, start: number, end: number): number {
  let windowStart = Math.max(start, end - longestLookBack);
  // Behind an ASCII letter a grapheme surely begins anew, so the window may begin there.
  for (let at = end - 1; at > windowStart; at -= 1) {
    if (/[A-Za-z]/.test(text[at] ?? '')) {
      windowStart = at;
      break;
    }
  }
  if (windowStart > start && isLowSurrogate(text, windowStart)) windowStart += 1;
  let boundary = windowStart;
  for (const { index, segment } of segmenter.segment(text.slice(windowStart, end + longestLookBack))) {
    const next = windowStart + index + segment.length;
    if (next > end) break;
    boundary = next;
  }
  return boundary;
}

function codePointBoundary(text: string, start: number, end: number): number {
  const at = isLowSurrogate(text, end) ? end - 1 : end;
  return at > start ? at : Math.min(text.length, start + (isLowSurrogate(text, start + 1) ? 2 : 1));
}

function isLowSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff;
}

function slice(runs: readonly StyledRun[], from: Cut, until: Cut): readonly StyledRun[] {
  const part: StyledRun[] = [];
  for (let index = from.run; index < runs.length && index <= until.run; index += 1) {
    const run = runs[index];
    if (run === undefined) break;
    const text = run.text.slice(
      index === from.run ? from.offset : 0,
      index === until.run ? until.offset : undefined,
    );
    if (text !== '') part.push({ text, style: run.style });
  }
  return part;
}

/** Skips what shows nothing; within a code block only whole blank lines, so that its indentation stays. */
function skipBlank(runs: readonly StyledRun[], from: Cut): Cut {
  let { run: index, offset } = from;
  for (; index < runs.length; index += 1) {
    const run = runs[index];
    if (run === undefined) break;
    const rest = run.text.slice(offset, offset + longestLookBack);
    const blank = (run.style.block === undefined ? /^\s*/ : /^(?:[^\S\n]*\n)*/).exec(rest)?.[0].length ?? 0;
    offset += blank;
    if (blank === longestLookBack) index -= 1;
    else if (offset < run.text.length) return { run: index, offset };
    else offset = 0;
  }
  return { run: index, offset: 0 };
}

function trimEnd(chunk: readonly StyledRun[]): readonly StyledRun[] {
  const kept = [...chunk];
  for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
    const text = last.text.trimEnd();
    if (text === '') continue;
    kept.push({ text, style: last.style });
    break;
  }
  return kept;
}
