import type { Considered } from './dispatch.ts';

/** Verdicts as bytes, so that a decision about a hundred deployments is a hundred bytes. */
export const verdict = {
  eligible: 0,
  cooledDown: 1,
  tried: 2,
  mode: 3,
  contextWindow: 4,
  region: 5,
  tags: 6,
  limit: 7,
  order: 8,
} as const;

const words: readonly Considered['verdict'][] = [
  'eligible',
  'cooled-down',
  'tried',
  'mode',
  'context-window',
  'region',
  'tags',
  'limit',
  'order',
];

/** The word for a verdict's byte. */
export function verdictWord(byte: number | undefined): Considered['verdict'] {
  return words[byte ?? 0] ?? 'eligible';
}
