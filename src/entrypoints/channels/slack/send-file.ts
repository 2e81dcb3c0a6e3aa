import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import type { OutgoingFile } from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { unseen } from '../unseen.ts';
import { callAsSend } from './send-message.ts';
import type { SlackApi } from './slack-api.ts';

const callTimeoutMs = 20_000;
const uploadTimeoutMs = 120_000;

/** Uploads a file, then shows it in a conversation. Returns the file's id. */
export async function sendSlackFile(
  parts: { readonly api: SlackApi; readonly egress: () => EgressClient },
  address: ReplyAddress,
  file: OutgoingFile,
  signal: AbortSignal,
): Promise<string> {
  const { api } = parts;
  const options = { signal, timeoutMs: callTimeoutMs };
  const { url, id } = await unseen(() => openUpload(api, file, options));
  await unseen(() => upload(parts.egress(), url, file, signal));
  return callAsSend(async () => {
    await api(
      'files.completeUploadExternal',
      {
        files: [{ id, title: file.name }],
        channel_id: address.chatId,
        ...(address.threadId === undefined ? {} : { thread_ts: address.threadId }),
      },
      options,
    );
    return id;
  });
}

async function openUpload(
  api: SlackApi,
  file: OutgoingFile,
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<{ url: string; id: string }> {
  let url: unknown;
  const id = await callAsSend(async () => {
    const parameters = { filename: file.name, length: file.bytes.byteLength };
    const opened = await api('files.getUploadURLExternal', parameters, { ...options, form: true });
    url = opened['upload_url'];
    const { file_id: fileId } = opened;
    return typeof fileId === 'string' ? fileId : '';
  });
  if (typeof url !== 'string' || id === '')
    throw new SendError('retry', 'Slack named no address for the file');
  return { url, id };
}

async function upload(
  egress: EgressClient,
  url: string,
  file: OutgoingFile,
  signal: AbortSignal,
): Promise<void> {
  let status: number;
  try {
    const answer = await egress.request({
      url,
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: file.bytes,
      signal,
      headersTimeoutMs: uploadTimeoutMs,
    });
    ({ status } = answer);
    answer.body.destroy();
  } catch {
    signal.throwIfAborted();
    throw new SendError('retry', 'Slack did not take the file');
  }
  if (status === 200) return;
  throw new SendError(
    status >= 500 || status === 429 ? 'retry' : 'permanent',
    `Slack answered the upload with ${status}`,
  );
}
