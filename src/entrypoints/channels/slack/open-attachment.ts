import { isJsonObject } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { Attachment } from '../../../protocol/index.ts';
import type { OpenedAttachment } from '../channel-adapter.ts';
import { openedFile, requestFile } from '../open-file-url.ts';
import { SendError } from '../send-error.ts';
import { callAsSend } from './send-message.ts';
import type { SlackApi } from './slack-api.ts';

const callTimeoutMs = 10_000;
const server = "Slack's file server";
const noRight = `${server} showed a page in place of the file; the app may lack the scope files:read`;

/** Opens a file of a message with the bot's token, which goes to Slack's hosts only. */
export async function openSlackAttachment(
  parts: { readonly api: SlackApi; readonly egress: () => EgressClient; readonly token: string },
  attachment: Attachment,
  signal: AbortSignal,
): Promise<OpenedAttachment> {
  const url = attachment.url ?? (await addressOf(parts.api, attachment.id, signal));
  const headers = { authorization: `Bearer ${parts.token}` };
  const answer = await requestFile(parts.egress(), { url, headers, server }, signal);
  const { status, headers: told, body } = answer;
  const isPage = (told['content-type'] ?? '').startsWith('text/html');
  const wantsPage = (attachment.mimeType ?? '').startsWith('text/html');
  if ((status >= 300 && status < 400) || (isPage && !wantsPage)) {
    body.destroy();
    throw new SendError('permanent', noRight);
  }
  return openedFile(answer, server);
}

/** A file of another workspace comes without its address. */
async function addressOf(api: SlackApi, id: string, signal: AbortSignal): Promise<string> {
  const url = await callAsSend(async () => {
    const { file } = await api('files.info', { file: id }, { signal, timeoutMs: callTimeoutMs, form: true });
    const address = isJsonObject(file) ? file['url_private'] : undefined;
    return typeof address === 'string' ? address : '';
  });
  if (url === '') throw new SendError('permanent', 'Slack named no address of the file');
  return url;
}
