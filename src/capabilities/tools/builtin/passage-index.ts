import type { Passage } from './split-markdown.ts';

const k1 = 1.2;
const b = 0.75;
const stopWords = new Set(
  'a an and are as at be but by can could do does for from had has have how i if in into is it its me my no not of on or our should so than that the their them then there these they this to us was we were what when where which who why will with would you your'.split(
    ' ',
  ),
);

/** Words for searching: lower case, without stop words, with the commonest English endings taken off. */
function searchTerms(text: string): readonly string[] {
  const words =
    text
      .toLowerCase()
      .normalize('NFKC')
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.filter((word) => !stopWords.has(word)).map(stem);
}

function stem(word: string): string {
  if (word.length <= 4 || /\d/.test(word)) return word;
  return word
    .replace(/(?:ies|ied)$/, 'y')
    .replace(/(?:ings?|edly|ed|ers?|es|s|ly)$/, '')
    .replace(/([^aeiou])\1$/, '$1')
    .replace(/e$/, '');
}

/** A ranked passage. */
export interface RankedPassage {
  readonly passage: Passage;
  readonly score: number;
}

/** BM25 (k1 1.2, b 0.75) over passages; the heading counts as part of the text. */
export class PassageIndex {
  readonly #passages: readonly Passage[];
  readonly #postings = new Map<string, Map<number, number>>();
  readonly #lengths: number[] = [];
  readonly #averageLength: number;

  constructor(passages: readonly Passage[]) {
    this.#passages = passages;
    for (const [index, passage] of passages.entries()) {
      const terms = searchTerms(`${passage.heading} ${passage.text}`);
      this.#lengths.push(terms.length);
      for (const term of terms) {
        const posting = this.#postings.get(term) ?? new Map<number, number>();
        posting.set(index, (posting.get(index) ?? 0) + 1);
        this.#postings.set(term, posting);
      }
    }
    this.#averageLength =
      this.#lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, passages.length);
  }

  get size(): number {
    return this.#passages.length;
  }

  /** The best passages for a query, best first; equal scores keep the order of the files. */
  search(query: string, limit: number): readonly RankedPassage[] {
    const scores = new Map<number, number>();
    const total = this.#passages.length;
    for (const term of new Set(searchTerms(query))) {
      const posting = this.#postings.get(term);
      if (posting === undefined) continue;
      const idf = Math.log(1 + (total - posting.size + 0.5) / (posting.size + 0.5));
      for (const [index, frequency] of posting) {
        const norm = 1 - b + (b * (this.#lengths[index] ?? 0)) / this.#averageLength;
        const gain = (idf * frequency * (k1 + 1)) / (frequency + k1 * norm);
        scores.set(index, (scores.get(index) ?? 0) + gain);
      }
    }
    return [...scores]
      .toSorted(([first, one], [second, two]) => two - one || first - second)
      .slice(0, limit)
      .flatMap(([index, score]) => {
        const passage = this.#passages[index];
        return passage === undefined ? [] : [{ passage, score }];
      });
  }
}
