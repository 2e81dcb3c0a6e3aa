import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import { isJsonObject, storable, tryParseJson, type Json, type JsonObject } from '../../../base/index.ts';
import type { RawWebhook } from '../channel-adapter.ts';

const deepest = 64;

/** A verified call as it is worked on. Header names in lower case; those that hold secrets are left out. */
export interface WebhookCall {
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** JSON, the fields of a form, or text. */
  readonly body: Json;
  /** SHA-256 of the raw body. */
  readonly digest: string;
}

/** Reads a call; `undefined`: its body is not what its Content-Type says, or is nested too deep. */
export function decodeCall(raw: RawWebhook, secretHeaders: readonly string[]): WebhookCall | undefined {
  const body = readBody(raw);
  if (body === undefined || isDeeperThan(body, deepest)) return undefined;
  const hidden = new Set(secretHeaders);
  return {
    headers: textsOf(raw.headers, (name) => !hidden.has(name)),
    query: textsOf(raw.query, () => true),
    body: storable(body),
    digest: createHash('sha256').update(raw.body).digest('hex'),
  };
}

function readBody({ body, headers }: RawWebhook): Json | undefined {
  if (!isUtf8(body)) return undefined;
  const text = new TextDecoder().decode(body);
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/x-www-form-urlencoded') return readForm(text);
  if (/^application\/(?:[a-z0-9.+-]+\+)?json$/.test(type)) return tryParseJson(text);
  if (type.startsWith('multipart/')) return undefined;
  return tryParseJson(text) ?? text;
}

/** Some services put their JSON into the one field `payload`. */
function readForm(text: string): Json {
  const form = Object.fromEntries(new URLSearchParams(text));
  const inner = Object.keys(form).length === 1 ? tryParseJson(form['payload'] ?? '') : undefined;
  return isJsonObject(inner) ? inner : form;
}

function isDeeperThan(value: Json, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value as JsonObject).some((inner) => isDeeperThan(inner ?? null, levels - 1));
}

function textsOf(
  values: Readonly<Record<string, string | undefined>>,
  isWanted: (name: string) => boolean,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value !== undefined && isWanted(name) ? [[name, storable(value)]] : [],
    ),
  );
}
