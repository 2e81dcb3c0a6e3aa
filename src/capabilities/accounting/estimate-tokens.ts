import { estimateTokenCount } from 'tokenx';
import type { Json } from '../../base/index.ts';

/** By how much tokenx is corrected: it counts prose up to 8 % and dense text up to 38 % too low. */
const proseFactor = 1.15;
const denseFactor = 1.6;
/** Texts up to that length are counted whole; of longer ones samples are, because a count costs 45 µs per KB. */
const wholeLength = 2048;
const samples = 4;
/** What an image counts at the large providers, at most. */
const imageTokens = 1600;
/** What a name, its quotes, colon and comma come to beside the letters. */
const tokensPerField = 2;
const dense = /^\s*[[{]|[A-Za-z0-9+/=_-]{80}/;

function count(text: string): number {
  if (text.length <= wholeLength) return estimateTokenCount(text);
  const size = wholeLength / samples;
  let tokens = 0;
  for (let index = 0; index < samples; index += 1) {
    const start = Math.floor(((text.length - size) * index) / (samples - 1));
    tokens += estimateTokenCount(text.slice(start, start + size));
  }
  return (tokens * text.length) / wholeLength;
}

function tokensOfText(text: string): number {
  if (text.startsWith('data:')) return imageTokens;
  // A look at its beginning tells JSON, hashes and base64 from prose.
  return count(text) * (dense.test(text.slice(0, wholeLength)) ? denseFactor : proseFactor);
}

function tokensOf(value: Json): number {
  if (typeof value === 'string') return tokensOfText(value);
  if (value === null || typeof value !== 'object') return 1;
  let tokens = 0;
  if (Array.isArray(value)) for (const item of value) tokens += tokensOf(item as Json) + 1;
  else
    for (const [name, item] of Object.entries(value))
      tokens += name.length / 4 + tokensPerField + tokensOf(item as Json);
  return tokens;
}

/**
 * About how many tokens a text or a request has, rather too many than too few: tokenx with a margin for prose and a larger
 * one for JSON, hashes and base64. An image as `data:` URL counts as an image, not by its letters. At most a fraction of a
 * millisecond, however long the text.
 */
export function estimateTokens(textOrJson: Json): number {
  return Math.ceil(tokensOf(textOrJson));
}
