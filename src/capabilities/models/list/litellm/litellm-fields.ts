import { isJsonObject, type Environment, type Json, type JsonObject } from '../../../../base/index.ts';
import { placeText, type Location } from '../location.ts';

/** What reading a LiteLLM configuration gathers beside what it returns. */
export interface ReadingNotes {
  readonly notes: string[];
  readonly environment: Environment;
}

const variable = /^os\.environ\/([A-Za-z_][A-Za-z0-9_]*)$/;
/** Whoever writes more means no limit. */
const mostCounted = 1_000_000_000;
const yes = new Set(['true', 'yes', 'on', '1']);
const no = new Set(['false', 'no', 'off', '0', '']);

/** The fields of one map of a LiteLLM configuration. Each is taken once; what nobody took is told by `rest`. */
export class Fields {
  readonly #value: JsonObject;
  readonly #reading: ReadingNotes;
  readonly #taken: Set<string>;
  /** Where a field stands, or the map itself. */
  readonly at: (path?: readonly PropertyKey[]) => Location;

  constructor(
    value: JsonObject,
    at: (path?: readonly PropertyKey[]) => Location,
    reading: ReadingNotes,
    taken = new Set<string>(),
  ) {
    this.#value = value;
    this.#taken = taken;
    this.at = at;
    this.#reading = reading;
  }

  /** Tells that something is not used, or not as written. */
  note(key: string | undefined, message: string): void {
    this.#reading.notes.push(`${placeText(this.at(key === undefined ? [] : [key]))}: ${message}`);
  }

  /** A value as it is written; `undefined` where there is none, or null. */
  take(key: string): Json | undefined {
    this.#taken.add(key);
    return Object.hasOwn(this.#value, key) ? (this.#value[key] ?? undefined) : undefined;
  }

  /** Counts fields as taken whose value is of no use beside others. */
  skip(...keys: readonly string[]): void {
    for (const key of keys) this.#taken.add(key);
  }

  /** A value with a variable of the environment in its place, where it names one. */
  looked(key: string): Json | undefined {
    const value = this.take(key);
    const name = typeof value === 'string' ? variable.exec(value)?.[1] : undefined;
    if (name === undefined) return value;
    const found = this.#reading.environment[name];
    if (found === undefined || found === '')
      this.note(key, `${key}: the environment variable ${name} is not set`);
    return found === '' ? undefined : found;
  }

  #refuse(key: string, expected: string): undefined {
    this.note(key, `${key} is not used: expected ${expected}`);
    return undefined;
  }

  /** A text; references in it stay as they are, to be resolved where it is used. */
  text(key: string): string | undefined {
    const value = this.take(key);
    if (value === undefined || value === '') return undefined;
    if (typeof value === 'string') return value;
    return typeof value === 'number' ? String(value) : this.#refuse(key, 'a text');
  }

  /** A text whose variable is looked up now. */
  plainText(key: string): string | undefined {
    const value = this.looked(key);
    if (value === undefined || value === '') return undefined;
    return typeof value === 'string' || typeof value === 'number'
      ? String(value)
      : this.#refuse(key, 'a text');
  }

  number(key: string): number | undefined {
    const value = this.looked(key);
    if (value === undefined || value === '') return undefined;
    const number = typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : NaN;
    return Number.isFinite(number) && number >= 0
      ? number
      : this.#refuse(key, 'a number that is not negative');
  }

  integer(key: string): number | undefined {
    const number = this.number(key);
    return number === undefined ? undefined : Math.min(Math.floor(number), mostCounted);
  }

  /** Seconds, in milliseconds. */
  seconds(key: string): number | undefined {
    const number = this.number(key);
    return number === undefined ? undefined : number * 1000;
  }

  boolean(key: string): boolean | undefined {
    const value = this.looked(key);
    if (value === undefined || typeof value === 'boolean') return value;
    const text = String(typeof value === 'object' ? 'map' : value).toLowerCase();
    return yes.has(text) ? true : no.has(text) ? false : this.#refuse(key, 'true or false');
  }

  /** A list of texts; a single one counts as such a list. */
  texts(key: string): readonly string[] {
    const value = this.take(key);
    if (value === undefined) return [];
    const list = Array.isArray(value) ? (value as readonly Json[]) : [value];
    const texts = list.filter((one) => typeof one === 'string' && one !== '') as readonly string[];
    if (texts.length < list.length) this.#refuse(key, 'texts (those that are none are left out)');
    return texts;
  }

  /** The fields of a map within. */
  map(key: string): Fields | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) return this.#refuse(key, 'a map');
    return new Fields(value, (path = []) => this.at([key, ...path]), this.#reading);
  }

  /** These fields above others, which hold where these say nothing. */
  under(others: JsonObject): Fields {
    const missing = Object.entries(others).filter(([key]) => (this.#value[key] ?? undefined) === undefined);
    return new Fields(
      { ...this.#value, ...Object.fromEntries(missing) },
      this.at,
      this.#reading,
      this.#taken,
    );
  }

  get keys(): readonly string[] {
    return Object.keys(this.#value);
  }

  /** The fields that nobody has taken. */
  rest(): readonly string[] {
    return this.keys.filter((key) => !this.#taken.has(key));
  }
}
