import type { Json } from '../../base/index.ts';

/** A filter of ours; gets JSON values, the one it is applied to first. What it throws is told as the reason of the failure. */
export type TemplateFilter = (value: Json, ...given: readonly Json[]) => Json;

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOf = (filter: string, value: Json): string => {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`${filter}: expected a text`);
};

function objectOf(filter: string, value: Json): { readonly [key: string]: Json } {
  if (isObject(value)) return value;
  throw new Error(`${filter}: expected an object`);
}

function momentOf(value: Json): Date {
  const moment = typeof value === 'string' || typeof value === 'number' ? new Date(value) : undefined;
  if (moment === undefined || Number.isNaN(moment.getTime()))
    throw new Error('dateformat: expected a time such as "2026-03-01T09:00:00Z", or milliseconds since 1970');
  return moment;
}

type Part = Intl.DateTimeFormatPartTypes;
const codes: Readonly<Record<string, readonly [part: Part, form: 'short' | 'long']>> = {
  Y: ['year', 'short'],
  m: ['month', 'short'],
  d: ['day', 'short'],
  H: ['hour', 'short'],
  M: ['minute', 'short'],
  S: ['second', 'short'],
  a: ['weekday', 'short'],
  A: ['weekday', 'long'],
  b: ['month', 'long'],
  B: ['month', 'long'],
};

function partsOf(moment: Date, timeZone: string, words: boolean): ReadonlyMap<Part, string> {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: words ? 'long' : '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    weekday: words ? 'long' : 'short',
  });
  return new Map(format.formatToParts(moment).map(({ type, value }) => [type, value]));
}

/** A moment by codes such as `%Y-%m-%d %H:%M`, in a time zone. */
function dateformat(value: Json, pattern: Json = '%Y-%m-%d', zone: Json = 'UTC'): string {
  if (typeof pattern !== 'string' || typeof zone !== 'string')
    throw new Error('dateformat: expected a pattern such as "%Y-%m-%d" and a time zone');
  const moment = momentOf(value);
  let numbers: ReadonlyMap<Part, string>;
  let words: ReadonlyMap<Part, string>;
  try {
    numbers = partsOf(moment, zone, false);
    words = partsOf(moment, zone, true);
  } catch {
    throw new Error(`dateformat: there is no time zone "${zone}"`);
  }
  return pattern.replaceAll(/%([A-Za-z%])/g, (whole, code: string) => {
    if (code === '%') return '%';
    const known = codes[code];
    if (known === undefined) throw new Error(`dateformat: there is no "${whole}"`);
    const [part, form] = known;
    const text = (form === 'long' ? words : numbers).get(part) ?? '';
    return code === 'b' ? text.slice(0, 3) : text;
  });
}

/** Filters beside those of the engine. */
export const templateFilters: Readonly<Record<string, TemplateFilter>> = {
  fromjson: (value) => {
    try {
      return JSON.parse(textOf('fromjson', value)) as Json;
    } catch {
      throw new Error('fromjson: the text is no JSON');
    }
  },
  urlencode: (value) => encodeURIComponent(textOf('urlencode', value)),
  keys: (value) => Object.keys(objectOf('keys', value)),
  values: (value) => Object.values(objectOf('values', value)),
  b64encode: (value) => Buffer.from(textOf('b64encode', value), 'utf8').toString('base64'),
  b64decode: (value) => Buffer.from(textOf('b64decode', value), 'base64').toString('utf8'),
  dateformat,
};
