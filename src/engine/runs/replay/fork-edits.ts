import { AppError, isJsonObject, type Json } from '../../../base/index.ts';
import type { StoredRecording } from './read-recording.ts';

/** What a fork begins with instead of what its origin had. */
export interface ForkEdits {
  readonly input: Json;
  /** Outputs by step key. */
  readonly outputs: ReadonlyMap<string, Json>;
}

function invalid(path: string, reason: string): AppError {
  return new AppError('invalid_request', `set: ${path}: ${reason}`);
}

/** The value with another one at a path; objects on the way are made, lists grow by one at most, and a text stays a text. */
function withValue(whole: Json, steps: readonly string[], value: Json, path: string): Json {
  const [step, ...rest] = steps;
  // On a command line every value looks alike: what stands in place of a text is one.
  if (step === undefined)
    return typeof whole === 'string' && (typeof value === 'number' || typeof value === 'boolean')
      ? String(value)
      : value;
  if (Array.isArray(whole)) {
    const list = whole as readonly Json[];
    const index = /^\d+$/.test(step) ? Number(step) : -1;
    if (index < 0 || index > list.length)
      throw invalid(path, `"${step}" is no place in a list of ${list.length}`);
    return index === list.length
      ? [...list, withValue(null, rest, value, path)]
      : list.with(index, withValue(list[index] ?? null, rest, value, path));
  }
  if (whole !== null && !isJsonObject(whole)) throw invalid(path, `"${step}" is inside a ${typeof whole}`);
  return { ...whole, [step]: withValue(whole?.[step] ?? null, rest, value, path) };
}

/**
 * Reads edits: `inputs.x.y` changes the input, `steps.KEY.output` and what is below it an output. Error:
 * `invalid_request`, naming the path.
 */
export function readEdits(
  origin: StoredRecording,
  given: { readonly input?: Json; readonly set?: Readonly<Record<string, Json>> },
): ForkEdits {
  const { run, steps } = origin.recording;
  let input = given.input === undefined ? run.input : given.input;
  const outputs = new Map<string, Json>();
  for (const [path, value] of Object.entries(given.set ?? {})) {
    const ofInput = /^inputs?(?:\.(.+))?$/.exec(path);
    if (ofInput !== null) {
      input = withValue(input, ofInput[1]?.split('.') ?? [], value, path);
      continue;
    }
    // Keys of steps may hold dots themselves, so the recorded ones decide where the key ends; the longest that fits wins.
    const step = steps
      .filter(({ key }) => path === `steps.${key}.output` || path.startsWith(`steps.${key}.output.`))
      .toSorted((one, two) => two.key.length - one.key.length)[0];
    if (step === undefined) {
      const known = steps.map(({ key }) => `steps.${key}.output`).join(', ');
      throw invalid(path, `expected inputs.NAME or one of ${known || 'no steps'}`);
    }
    const rest = path.slice(`steps.${step.key}.output`.length).split('.').slice(1);
    outputs.set(step.key, withValue(outputs.get(step.key) ?? step.output, rest, value, path));
  }
  return { input, outputs };
}
