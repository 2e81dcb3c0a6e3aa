import { isJsonObject, withDeadline, type Clock, type Environment, type Json } from '../../../base/index.ts';
import { raceAbort } from '../providers/race-abort.ts';
import type { SecretReader } from './secret-reader.ts';

const wholeVariable = /^os\.environ\/([A-Za-z_][A-Za-z0-9_]*)$/;
const wholeSecret = /^secret:([A-Za-z0-9_.-]+):([A-Za-z0-9_.-]+)$/;
const withinText = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const credentialFields = ['api_key', 'org_id', 'endpoint', 'api_version'];
/** Asking for a secret takes this long at most. */
const secretTimeoutMs = 5000;

/** A value with its references replaced, and what became of them. */
export interface ResolvedValue {
  readonly value: Json;
  /** References as written, with the provider of the secret where one was read. */
  readonly references: readonly { readonly text: string; readonly secretProvider: string | undefined }[];
  /** What is missing, in words. */
  readonly problems: readonly string[];
}

/** What a text is made from beside itself: references in it as they are written; none for a literal. */
export function referencesIn(text: string): readonly string[] {
  if (wholeVariable.test(text) || wholeSecret.test(text)) return [text];
  return [...text.matchAll(withinText)].map(([whole]) => whole);
}

/**
 * Replaces `os.environ/NAME`, `${NAME}` and `secret:provider:field` in every text of a value. Values of secrets are kept
 * until the next one arrives, so that an outage of their store changes nothing.
 */
export class ReferenceResolver {
  readonly #environment: Environment;
  readonly #secrets: SecretReader;
  readonly #clock: Clock;
  readonly #onSecret: (value: string) => void;
  readonly #known = new Map<string, string>();

  constructor(deps: {
    readonly environment: Environment;
    readonly secrets: SecretReader;
    readonly clock: Clock;
    /** Told each resolved value, so that it can be kept out of logs. */
    readonly onSecret?: ((value: string) => void) | undefined;
  }) {
    this.#environment = deps.environment;
    this.#secrets = deps.secrets;
    this.#clock = deps.clock;
    this.#onSecret = deps.onSecret ?? (() => undefined);
  }

  /** `variables` come before those of the environment; what is `plain` (an address) is not told as a secret. */
  async resolve(
    value: Json,
    options: {
      readonly variables?: Readonly<Record<string, string>> | undefined;
      readonly plain?: boolean;
    } = {},
  ): Promise<ResolvedValue> {
    const { variables = {}, plain = false } = options;
    const told = (found: string | undefined): string => {
      if (found !== undefined && !plain) this.#onSecret(found);
      return found ?? '';
    };
    const references: { text: string; secretProvider: string | undefined }[] = [];
    const problems: string[] = [];
    const note = (text: string, secretProvider?: string): void => {
      if (!references.some((one) => one.text === text)) references.push({ text, secretProvider });
    };
    const textOf = async (text: string): Promise<string> => {
      const secret = wholeSecret.exec(text);
      if (secret !== null) {
        const [, provider = '', field = ''] = secret;
        note(text, provider);
        const found = await this.#secret(provider, field).catch(() => undefined);
        if (found === undefined) problems.push(`the secret ${provider}:${field} is not there`);
        return told(found);
      }
      const variable = wholeVariable.exec(text)?.[1];
      if (variable !== undefined) {
        const { found, provider } = await this.#variable(variable, variables);
        note(text, provider);
        if (found === undefined) problems.push(`the environment variable ${variable} is not set`);
        return told(found);
      }
      return text.replaceAll(withinText, (whole, name: string) => {
        note(whole);
        const found = variables[name] || this.#environment[name] || undefined;
        if (found === undefined) problems.push(`the environment variable ${name} is not set`);
        return told(found);
      });
    };
    const visit = async (inner: Json): Promise<Json> => {
      if (typeof inner === 'string') return textOf(inner);
      if (Array.isArray(inner)) return Promise.all((inner as readonly Json[]).map(visit));
      if (!isJsonObject(inner)) return inner;
      const entries = Object.entries(inner).map(
        async ([key, child]) => [key, await visit(child ?? null)] as const,
      );
      return Object.fromEntries(await Promise.all(entries));
    };
    const resolved = await visit(value);
    // Whatever came first: the same text makes the same list.
    return {
      value: resolved,
      references: references.toSorted((one, two) => (one.text < two.text ? -1 : 1)),
      problems: [...new Set(problems)].toSorted(),
    };
  }

  /** Tells a secret that is written out. */
  tell(value: string): void {
    this.#onSecret(value);
  }

  /** `OPENAI_API_KEY` is the secret `openai:api_key` where there is one, else the variable. */
  async #variable(
    name: string,
    variables: Readonly<Record<string, string>>,
  ): Promise<{ found: string | undefined; provider: string | undefined }> {
    const given = variables[name];
    if (given !== undefined && given !== '') return { found: given, provider: undefined };
    const lower = name.toLowerCase();
    const field = credentialFields.find((one) => lower.endsWith(`_${one}`));
    if (field !== undefined) {
      const provider = lower.slice(0, -field.length - 1);
      const found = await this.#secret(provider, field).catch(() => undefined);
      if (found !== undefined) return { found, provider };
    }
    return { found: this.#environment[name] || undefined, provider: undefined };
  }

  async #secret(provider: string, field: string): Promise<string | undefined> {
    const key = `${provider}:${field}`;
    const { signal, clear } = withDeadline(this.#clock, secretTimeoutMs);
    try {
      const asked = (async () => this.#secrets.get(provider, field, undefined, { signal }))();
      const found = await raceAbort(asked, signal);
      if (found === undefined || found === '') {
        this.#known.delete(key);
        return undefined;
      }
      this.#known.set(key, found);
      return found;
    } catch (error) {
      const last = this.#known.get(key);
      if (last !== undefined) return last;
      throw error;
    } finally {
      clear();
    }
  }
}
