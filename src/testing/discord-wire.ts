import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DiscordMessage, UnreadJson as Json } from './discord-types.ts';

/** What a call is answered with. */
export interface DiscordAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A call as it came. */
export interface DiscordCall {
  /** Such as `POST /channels/:id/messages`. */
  readonly name: string;
  readonly path: string;
  readonly body: Json;
}

/** An answer that all is well. */
export function ok(body: unknown): DiscordAnswer {
  return { status: 200, body };
}

/** What can be pressed below a message. */
export function buttonsOf(components: unknown): DiscordMessage['buttons'] {
  const rows = (components ?? []) as { components: { label: string; custom_id: string }[] }[];
  return rows.flatMap((row) => row.components).map(({ label, custom_id: data }) => ({ text: label, data }));
}

/** The body of a call. */
export async function readJson(request: IncomingMessage): Promise<Json> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString('utf8');
  return text === '' ? {} : (JSON.parse(text) as Json);
}

/** Answers a call. */
export function reply(
  response: ServerResponse,
  answer: DiscordAnswer,
  headers: Record<string, string> = {},
): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, { 'content-type': 'application/json', ...headers });
  response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
}
