import { AppError, isJsonObject } from '../../base/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import { runFilesOf, type ReplyAddress, type RunFile } from '../../protocol/index.ts';
import { sizeOf } from './attachment-words.ts';
import type { ChannelAdapter } from './channel-adapter.ts';
import type { Delivery } from './delivery-store.ts';
import { SendError } from './send-error.ts';

/** The files that go along with a response, in their order. */
export function outgoingFiles({ outgoing }: Delivery): readonly RunFile[] {
  if (outgoing.kind !== 'response' || outgoing.response.status !== 'completed') return [];
  const { output } = outgoing.response;
  return runFilesOf(isJsonObject(output) ? output['files'] : undefined);
}

/**
 * Sends one file of a response and returns the platform's id of its message. What the platform does not take is named in
 * a message instead. Throws `SendError` as `sendChunk` does.
 */
export async function deliverFile(
  parts: { readonly files: FileStore; readonly adapter: ChannelAdapter },
  delivery: Delivery,
  address: ReplyAddress,
  file: RunFile,
  options: { readonly signal: AbortSignal; readonly key: string },
): Promise<string> {
  const { adapter, files } = parts;
  const { mostBytesOut } = adapter.capabilities.files;
  const instead = async (reason: string): Promise<string> => {
    const text = `\`${file.name.replaceAll('`', '')}\` (${sizeOf(file.sizeBytes)}) could not be sent here: ${reason}. It is kept as file \`${file.id}\` of run \`${delivery.runId}\`.`;
    const [chunk] = adapter.render(text);
    if (chunk === undefined) throw new SendError('permanent', 'there is no text in place of the file');
    return adapter.sendChunk(address, chunk, options);
  };
  if (adapter.sendFile === undefined || mostBytesOut === 0) return instead('this platform takes no files');
  if (file.sizeBytes > mostBytesOut) return instead(`it is larger than ${sizeOf(mostBytesOut)}`);
  const bytes = await contentOf(files, delivery, file);
  if (bytes === undefined) return instead('it is no longer stored');
  try {
    return await adapter.sendFile(address, { name: file.name, mimeType: file.mimeType, bytes }, options);
  } catch (error) {
    if (!(error instanceof SendError) || error.verdict !== 'permanent' || error.unauthorized) throw error;
    return instead(error.message);
  }
}

/** Only of a file of this run: what an output says is not trusted to name others. */
async function contentOf(
  files: FileStore,
  { tenant, runId }: Delivery,
  file: RunFile,
): Promise<Uint8Array | undefined> {
  const found = await files.find({ tenant }, runId, file.id);
  if (found?.id !== file.id) return undefined;
  try {
    return await files.read(tenant, file.id);
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return undefined;
    throw error;
  }
}
