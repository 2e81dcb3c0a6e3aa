import { RE2JS } from 're2js';

/** Compiled patterns beyond this size are refused: each character of a text may cost as many steps. */
const largestProgram = 1000;
/** Characters of a text that are looked at. */
const longestText = 4000;

/** A regular expression whose time grows with the text alone, whoever writes text or pattern. */
export interface SafePattern {
  /** Is it found anywhere in the first 4,000 characters? */
  found(text: string): boolean;
}

/** Throws an `Error` that says what is wrong with the pattern. */
export function compileSafePattern(pattern: string): SafePattern {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'cannot be read';
    throw new Error(`not a regular expression of RE2: ${reason}`, { cause: error });
  }
  const size = compiled.programSize();
  if (size > largestProgram)
    throw new Error(`too large: ${size} steps, at most ${largestProgram}; shorten its repetitions`);
  return { found: (text) => compiled.matcher(text.slice(0, longestText)).find() };
}
