import { isJsonObject, type Json } from '../../../base/index.ts';
import { isSecretKey, redactedText, Redactor } from '../../../platform/observability/index.ts';

const shortestKnown = 4;
const referenceOnly = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;
/** Names of headers and fields beyond those that logs know. */
const moreSecretKeys = /(?:^|-)(?:auth|signature|otp|pin|passcode|pwd)$/;
/** `password: x`, `"api_key": "x"`, `token=x` within a text. */
const namedInText =
  /((?<![A-Za-z0-9])(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|(?:access[_-]|auth[_-]|refresh[_-])?token|authorization|cookie)\\?["']?\s*[:=]\s*\\?["']?)((?:Bearer|Basic)\s+)?([^\s"',;&}\\]{3,})/gi;
const email = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;
/** With a country code, or in groups; dates and plain numbers are left alone. */
const telephone =
  /(?<![\w.+-])(?:\+\d[\d ().-]{6,}\d|\(\d{2,5}\)[ -]?\d[\d -]{4,}\d|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w-])/g;

const isSecret = (key: string): boolean =>
  isSecretKey(key) || moreSecretKeys.test(key.replaceAll('_', '-').toLowerCase());

/** A JSON Schema describes a secret and holds none. */
function isSchema(value: Json): boolean {
  return (
    isJsonObject(value) &&
    ['type', '$ref', 'properties', 'enum', 'const', 'anyOf', 'oneOf', 'allOf'].some((key) => key in value)
  );
}

/** A word of a sentence (`password: please`) is no secret that has to go everywhere. */
function looksMade(value: string): boolean {
  return value.length >= 12 || /[^A-Za-z]/.test(value.replace(/[.!?:]+$/, ''));
}

/** What of a header's value is the secret itself: behind the scheme, behind the name of a cookie. */
function partsOf(value: string): readonly string[] {
  const credentials = /^(?:Bearer|Basic|Token)\s+(\S+)$/i.exec(value)?.[1];
  const cookies = [...value.matchAll(/=\s*([^;\s]{8,})/g)].map((match) => match[1] ?? '');
  return [...(credentials === undefined ? [] : [credentials]), ...cookies];
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

/**
 * Takes secrets out of recordings: values under telling names, known values wherever they stand, the shapes of common
 * credentials, and on request e-mail addresses and telephone numbers. What it takes out of the parts of a text it also
 * takes out of the whole, so that a redacted recording still fits together.
 */
export class RecordingRedactor {
  readonly #pii: boolean;
  readonly #known = new Redactor();
  readonly #outer: (text: string) => string;
  readonly #short = new Set<string>();
  #shortPattern: RegExp | undefined;

  /** `redact` takes out what the process around knows, such as its own keys. */
  constructor(options: { readonly pii: boolean; readonly redact?: (text: string) => string }) {
    this.#pii = options.pii;
    this.#outer = options.redact ?? ((text) => text);
  }

  /** Learns values that are secrets by themselves; those below 4 characters would blacken everything. */
  learn(values: Iterable<string>): void {
    const long: string[] = [];
    for (const value of values) {
      if (value.length < shortestKnown || referenceOnly.test(value) || value.includes(redactedText)) continue;
      if (value.length >= 8) long.push(value);
      else this.#short.add(value);
    }
    this.#known.learn(long);
    if (this.#short.size > 0)
      this.#shortPattern = new RegExp(
        `(?<![A-Za-z0-9])(?:${[...this.#short].map(escaped).join('|')})(?![A-Za-z0-9])`,
        'g',
      );
  }

  /** Learns the values that stand under telling names. */
  learnFrom(value: Json): void {
    const found: string[] = [];
    const visit = (inner: Json, secret: boolean): void => {
      if (typeof inner === 'string') {
        if (secret) found.push(inner, ...partsOf(inner));
        else
          for (const [, , , named = ''] of inner.matchAll(namedInText))
            if (looksMade(named)) found.push(named);
      } else if (Array.isArray(inner)) for (const item of inner as readonly Json[]) visit(item, secret);
      else if (isJsonObject(inner))
        for (const [key, child] of Object.entries(inner))
          visit(child ?? null, (secret || isSecret(key)) && !isSchema(child ?? null));
    };
    visit(value, false);
    this.learn(found);
  }

  redact<T extends Json>(value: T): T {
    return this.#visit(value, false) as T;
  }

  redactText(text: string): string {
    let result = this.#known.redact(this.#outer(text));
    if (this.#shortPattern !== undefined) result = result.replaceAll(this.#shortPattern, redactedText);
    result = result.replaceAll(
      namedInText,
      (_whole, name: string, scheme: string | undefined, found: string) =>
        name + (scheme ?? '') + (referenceOnly.test(found) ? found : redactedText),
    );
    if (!this.#pii) return result;
    return result.replaceAll(email, 'redacted@example.com').replaceAll(telephone, '+10000000000');
  }

  #visit(value: Json, secret: boolean): Json {
    if (typeof value === 'string')
      return secret && !referenceOnly.test(value) ? redactedText : this.redactText(value);
    if (typeof value === 'number') return secret ? 0 : value;
    if (Array.isArray(value)) return (value as readonly Json[]).map((item) => this.#visit(item, secret));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner = null]) => [
        this.redactText(key),
        this.#visit(inner, (secret || isSecret(key)) && !isSchema(inner)),
      ]),
    );
  }
}
