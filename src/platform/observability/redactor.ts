/** What stands where a secret was. */
export const redactedText = '[redacted]';

const shortestSecret = 8;

/** Forms by which credentials are recognised without knowing them. */
const shapes: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/\ba33_[A-Za-z0-9]{4,}_?[A-Za-z0-9]{12,}/g, `a33_${redactedText}`],
  [/\bsk-[A-Za-z0-9_-]{16,}/g, redactedText],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${redactedText}`],
  [/(:\/\/[^/\s:@"]*):[^/\s@"]+@/g, `$1:${redactedText}@`],
  [/\b\d{6,}:[A-Za-z0-9_-]{30,}/g, redactedText],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, redactedText],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, redactedText],
  [/\bgh[pousr]_[A-Za-z0-9]{20,}/g, redactedText],
  [/\bgithub_pat_\w{20,}/g, redactedText],
  [/\bxox[abeprs]-[A-Za-z0-9-]{10,}/g, redactedText],
  [/\bAIza[\w-]{35}/g, redactedText],
  [/\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}/g, redactedText],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, redactedText],
];

const secretKey =
  /^(?:authorization|proxy-?authorization|x-?api-?key|api-?key|apikey|cookie|set-?cookie|credentials?|passphrase|private-?key|encryption-?key)$|(?:secret|password|passwd|token|api-?key)$/;

/** True for field names whose value is a secret. Counts of tokens are not. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key.replaceAll('_', '-').toLowerCase());
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

/** Takes secrets out of text: by their known values, by their encoded forms, and by the shape of common credentials. */
export class Redactor {
  readonly #values = new Set<string>();
  #pattern: RegExp | undefined;

  /** Learns secrets; values below 8 characters are left out, because they would blacken ordinary words. */
  learn(values: Iterable<string>): void {
    for (const value of values) {
      if (value.length < shortestSecret) continue;
      const base64 = Buffer.from(value).toString('base64');
      const forms = [
        value,
        JSON.stringify(value).slice(1, -1),
        encodeURIComponent(value),
        base64,
        base64.replaceAll('=', ''),
        Buffer.from(value).toString('base64url'),
      ];
      for (const form of forms) this.#values.add(form);
    }
    // Longest first, so that no form leaves the rest of a longer one behind.
    const ordered = [...this.#values].toSorted((a, b) => b.length - a.length);
    if (ordered.length > 0) this.#pattern = new RegExp(ordered.map(escapeForPattern).join('|'), 'g');
  }

  redact(text: string): string {
    let result = this.#pattern === undefined ? text : text.replaceAll(this.#pattern, redactedText);
    for (const [pattern, replacement] of shapes) result = result.replaceAll(pattern, replacement);
    return result;
  }
}
