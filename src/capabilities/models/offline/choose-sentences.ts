import type { Passage } from './passages.ts';
import { termsOf } from './words.ts';

/** A sentence as it stands in its passage. */
export interface Quote {
  readonly text: string;
  readonly source: string;
  readonly score: number;
}

interface Candidate {
  readonly text: string;
  readonly source: string;
  readonly order: number;
  readonly position: number;
  readonly terms: readonly string[];
  readonly headingTerms: ReadonlySet<string>;
}

/** Usual constants of BM25. */
const saturation = 1.2;
const lengthWeight = 0.75;
/** Share of the question, by weight of its rare words, that a sentence and its heading must cover. */
const leastCoverage = 0.4;
/** How much two chosen sentences may say the same: 1 is only relevance, 0 only variety. */
const relevanceWeight = 0.7;

const longestQuote = 400;

function cleanLine(text: string): string {
  return text
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replaceAll(/[*`]{1,3}|(?<=\s|^)_{1,2}(?=\S)|(?<=\S)_{1,2}(?=\s|$)/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Sentences of a text: list items, table rows and code lines stand alone; prose is joined over line breaks and then split. */
function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let prose = '';
  const flush = (): void => {
    const joined = cleanLine(prose);
    prose = '';
    if (joined === '') return;
    const found = joined.match(/.+?(?:[.!?…]+["'”)\]]*(?=\s+["'“(]?[\p{Lu}\p{N}]|$)|$)/gsu) ?? [];
    sentences.push(
      ...found.map((sentence) => sentence.trim()).filter((sentence) => /\p{L}|\p{N}/u.test(sentence)),
    );
  };
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || /^#{1,6}\s|^```|^[-=*_]{3,}$|^\|?[\s|:-]+\|?$/.test(trimmed)) {
      flush();
      continue;
    }
    const item = /^(?:[-*+•]|\d+[.)])\s+(.*)$/.exec(trimmed);
    const row = /^\|(.*)\|$/.exec(trimmed);
    if (item !== null || row !== null) flush();
    if (row?.[1] !== undefined) {
      prose = row[1]
        .split('|')
        .map((cell) => cell.trim())
        .filter((cell) => cell !== '')
        .join(' — ');
      flush();
    } else prose += ` ${item?.[1] ?? trimmed}`;
  }
  flush();
  return sentences.map((sentence) =>
    sentence.length > longestQuote ? `${sentence.slice(0, longestQuote)}…` : sentence,
  );
}

function overlap(a: readonly string[], b: readonly string[]): number {
  const left = new Set(a);
  const right = new Set(b);
  const shared = [...left].filter((term) => right.has(term)).length;
  return shared === 0 ? 0 : shared / Math.sqrt(left.size * right.size);
}

/** Inverse document frequency over the candidates; a word that occurs nowhere weighs most. */
function weigh(candidates: readonly Candidate[]): (term: string) => number {
  const frequency = new Map<string, number>();
  for (const { terms } of candidates) {
    for (const term of new Set(terms)) frequency.set(term, (frequency.get(term) ?? 0) + 1);
  }
  return (term) => {
    const count = frequency.get(term) ?? 0;
    return Math.log(1 + (candidates.length - count + 0.5) / (count + 0.5));
  };
}

/** Greedy choice of what is relevant and not said already (maximal marginal relevance). */
function diversify(scored: readonly (Quote & Candidate)[], most: number): (Quote & Candidate)[] {
  const chosen: (Quote & Candidate)[] = [];
  const top = scored[0]?.score ?? 1;
  const rest = [...scored];
  while (chosen.length < most && rest.length > 0) {
    let best = 0;
    let bestValue = Number.NEGATIVE_INFINITY;
    for (const [index, candidate] of rest.entries()) {
      const sameness = Math.max(0, ...chosen.map((other) => overlap(candidate.terms, other.terms)));
      const value = relevanceWeight * (candidate.score / top) - (1 - relevanceWeight) * sameness;
      if (value > bestValue) [best, bestValue] = [index, value];
    }
    const [next] = rest.splice(best, 1);
    if (next !== undefined && !chosen.some((other) => other.text === next.text)) chosen.push(next);
  }
  return chosen;
}

function candidatesOf(passages: readonly Passage[]): Candidate[] {
  let order = 0;
  return passages.flatMap(({ source, heading, text }) => {
    const headingTerms = new Set(termsOf(heading));
    return sentencesOf(text).map((sentence, position) => ({
      text: sentence,
      source,
      order: order++,
      position,
      terms: termsOf(sentence),
      headingTerms,
    }));
  });
}

/** The sentences that answer a question best, best first; empty when none does well enough. */
export function chooseSentences(question: string, passages: readonly Passage[], most = 3): readonly Quote[] {
  const candidates = candidatesOf(passages);
  const asked = [...new Set(termsOf(question))];
  if (asked.length === 0 || candidates.length === 0) return [];
  const weightOf = weigh(candidates);
  const askedWeight = asked.reduce((sum, term) => sum + weightOf(term), 0);
  const averageLength = candidates.reduce((sum, { terms }) => sum + terms.length, 0) / candidates.length || 1;
  const scored = candidates
    .map((candidate) => {
      let score = 0;
      let covered = 0;
      let own = 0;
      for (const term of asked) {
        const count = candidate.terms.filter((other) => other === term).length;
        if (count > 0) own += 1;
        if (count > 0 || candidate.headingTerms.has(term)) covered += weightOf(term);
        const norm =
          saturation * (1 - lengthWeight + (lengthWeight * candidate.terms.length) / averageLength);
        score += (weightOf(term) * count * (saturation + 1)) / (count + norm);
        if (candidate.headingTerms.has(term)) score += 0.3 * weightOf(term);
      }
      // The first sentence of a passage usually says what it is about.
      const lead = candidate.position === 0 ? 1.1 : 1;
      return { ...candidate, score: score * lead, own, coverage: covered / askedWeight };
    })
    .filter(({ own, coverage }) => own > 0 && coverage >= leastCoverage)
    .toSorted((a, b) => b.score - a.score || a.order - b.order);
  const strong = scored.filter(({ score }) => score >= (scored[0]?.score ?? 0) * 0.5);
  return diversify(strong, most).map(({ text, source, score }) => ({ text, source, score }));
}

/** The sentences that stand best for a whole text, in the order of the text. */
export function summarySentences(passages: readonly Passage[], most = 3): readonly Quote[] {
  const candidates = candidatesOf(passages).filter(({ terms }) => terms.length >= 3);
  const frequency = new Map<string, number>();
  for (const { terms } of candidates)
    for (const term of new Set(terms)) frequency.set(term, (frequency.get(term) ?? 0) + 1);
  const scored = candidates
    .map((candidate) => {
      const terms = [...new Set(candidate.terms)];
      const weight = terms.reduce((sum, term) => sum + Math.log(frequency.get(term) ?? 1), 0);
      return {
        ...candidate,
        score: (weight / Math.sqrt(terms.length) + 0.1) * (candidate.order === 0 ? 1.5 : 1),
      };
    })
    .toSorted((a, b) => b.score - a.score || a.order - b.order);
  return diversify(scored, most)
    .toSorted((a, b) => a.order - b.order)
    .map(({ text, source, score }) => ({ text, source, score }));
}
