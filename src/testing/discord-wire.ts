import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DiscordMessage, UnreadJson as Json } from './discord-types.ts';
import { parametersOf, readBody } from './read-parameters.ts';

/** What a call is answered with. */
export interface DiscordAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
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

/** JSON, or the JSON in a form with a file. */
export async function readCall(request: IncomingMessage): Promise<Json> {
  const { payload_json: json, ...others } = parametersOf(request, await readBody(request));
  return typeof json === 'string' ? { ...(JSON.parse(json) as Json), ...others } : others;
}

/** Answers a call. */
export function reply(response: ServerResponse, answer: DiscordAnswer): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
  response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
}
