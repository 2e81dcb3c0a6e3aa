import { isJsonObject, type Json } from '../../../base/index.ts';

/** One place at which two values differ; a side that has nothing there is left out. */
export interface JsonDifference {
  /** `messages[0].content`; empty for the whole. */
  readonly path: string;
  readonly before?: Json;
  readonly after?: Json;
}

const mostDifferences = 20;
const mostChars = 500;

/** A value small enough to be shown: long ones become the beginning of their text. */
function shown(value: Json): Json {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text.length <= mostChars) return value;
  return `${text.slice(0, mostChars)}… (${text.length} characters)`;
}

/** A text that differs far from its beginning is shown from shortly before that place. */
function shownTexts(before: string, after: string): { before: Json; after: Json } {
  let same = 0;
  while (same < before.length && before[same] === after[same]) same += 1;
  const start = same > mostChars / 2 ? same - 40 : 0;
  const from = (text: string): Json => shown(start === 0 ? text : `…${text.slice(start)}`);
  return { before: from(before), after: from(after) };
}

/**
 * Where two values differ, in the order of the first one's fields; the order of an object's keys does not count.
 * At most 20 places, long values cut.
 */
export function jsonDifferences(before: Json, after: Json): readonly JsonDifference[] {
  const found: JsonDifference[] = [];
  const visit = (one: Json | undefined, two: Json | undefined, path: string): void => {
    if (found.length >= mostDifferences || one === two) return;
    if (one === undefined || two === undefined) {
      found.push({
        path,
        ...(one === undefined ? {} : { before: shown(one) }),
        ...(two === undefined ? {} : { after: shown(two) }),
      });
    } else if (Array.isArray(one) && Array.isArray(two)) {
      for (let index = 0; index < Math.max(one.length, two.length); index += 1)
        visit((one as readonly Json[])[index], (two as readonly Json[])[index], `${path}[${index}]`);
    } else if (isJsonObject(one) && isJsonObject(two)) {
      for (const key of new Set([...Object.keys(one), ...Object.keys(two)]))
        visit(one[key], two[key], path === '' ? key : `${path}.${key}`);
    } else if (typeof one === 'string' && typeof two === 'string') {
      found.push({ path, ...shownTexts(one, two) });
    } else found.push({ path, before: shown(one), after: shown(two) });
  };
  visit(before, after, '');
  return found;
}

/** A difference in one line. */
export function differenceText({ path, before, after }: JsonDifference): string {
  if (typeof before === 'string' && typeof after === 'string' && before.length + after.length > 200) {
    let same = 0;
    while (same < before.length && before[same] === after[same]) same += 1;
    const start = Math.max(0, same - 30);
    const around = (text: string): string => (start === 0 ? '' : '…') + text.slice(start, start + 80);
    return `${path === '' ? '' : `${path}: `}${JSON.stringify(around(before))} → ${JSON.stringify(around(after))}`;
  }
  const side = (value: Json | undefined): string => {
    if (value === undefined) return 'nothing';
    const text = JSON.stringify(value);
    return text.length <= 160 ? text : `${text.slice(0, 159)}…`;
  };
  return `${path === '' ? '' : `${path}: `}${side(before)} → ${side(after)}`;
}
