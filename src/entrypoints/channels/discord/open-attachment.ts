import { isJsonObject, type Clock } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { Attachment } from '../../../protocol/index.ts';
import type { OpenedAttachment } from '../channel-adapter.ts';
import { openedFile, requestFile } from '../open-file-url.ts';
import { SendError } from '../send-error.ts';
import { callAsSend } from './call-as-send.ts';
import type { DiscordApi } from './discord-api.ts';

const callTimeoutMs = 10_000;
/** An address that is good for less than this is renewed first. */
const leastLifeMs = 60_000;
const server = "Discord's file server";
const gone = new Set([401, 403, 404, 410]);

/** Hosts that Discord serves files from; a server of one's own serves its files itself. */
export function fileHosts(apiBase: string): readonly string[] {
  const { hostname } = new URL(apiBase);
  return ['cdn.discordapp.com', 'media.discordapp.net', hostname];
}

/** Opens a file of a message. Its address is signed and good for about a day; an old one is renewed, once. */
export async function openDiscordAttachment(
  parts: {
    readonly api: DiscordApi;
    readonly egress: () => EgressClient;
    readonly apiBase: string;
    readonly clock: Clock;
  },
  { url }: Attachment,
  signal: AbortSignal,
): Promise<OpenedAttachment> {
  if (url === undefined || !isFileAddress(url, parts.apiBase))
    throw new SendError('permanent', `its address is none of ${server}`);
  const isOld = endOfLife(url) < parts.clock.now() + leastLifeMs;
  const address = isOld ? await renewed(parts, url, signal) : url;
  const answer = await requestFile(parts.egress(), { url: address, server }, signal);
  if (!gone.has(answer.status) || isOld) return openedFile(answer, server);
  answer.body.destroy();
  const fresh = await renewed(parts, url, signal);
  return openedFile(await requestFile(parts.egress(), { url: fresh, server }, signal), server);
}

async function renewed(
  { api, apiBase }: { readonly api: DiscordApi; readonly apiBase: string },
  url: string,
  signal: AbortSignal,
): Promise<string> {
  const answer = await callAsSend(() =>
    api({
      method: 'POST',
      path: '/attachments/refresh-urls',
      route: 'renewing the address of a file',
      body: { attachment_urls: [url] },
      as: 'bot',
      signal,
      timeoutMs: callTimeoutMs,
    }),
  );
  const list = isJsonObject(answer) ? answer['refreshed_urls'] : undefined;
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  const fresh = isJsonObject(first) ? first['refreshed'] : undefined;
  if (typeof fresh !== 'string' || !isFileAddress(fresh, apiBase))
    throw new SendError('permanent', 'Discord gave no new address of the file');
  return fresh;
}

function isFileAddress(url: string, apiBase: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname, protocol } = new URL(url);
  return fileHosts(apiBase).includes(hostname) && (protocol === 'https:' || apiBase.startsWith('http:'));
}

/** Milliseconds since 1970; an address that does not say is good. */
function endOfLife(url: string): number {
  const seconds = new URL(url).searchParams.get('ex');
  if (seconds === null || !/^[0-9a-f]{1,12}$/i.test(seconds)) return Number.POSITIVE_INFINITY;
  return Number.parseInt(seconds, 16) * 1000;
}
