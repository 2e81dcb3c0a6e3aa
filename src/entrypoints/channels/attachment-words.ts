import { visibleLine } from '../../base/index.ts';
import { isReadable, safeFileName } from '../../capabilities/files/index.ts';
import type { Attachment, Message, RunFile } from '../../protocol/index.ts';

const longestReason = 200;

/** A size as people read it: `1.4 MB`. */
export function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const [unit, size] = bytes < 1_000_000 ? ['kB', bytes / 1000] : ['MB', bytes / 1_000_000];
  return `${Number(size.toFixed(1))} ${unit}`;
}

/** True when each file of a message is stored or given up. */
export function isSettled({ attachments }: Message): boolean {
  return attachments.every((one) => one.file !== undefined || one.problem !== undefined);
}

/** The stored files of messages, in their order. */
export function filesOf(messages: readonly Message[]): readonly RunFile[] {
  return messages.flatMap(({ attachments }) => attachments.flatMap(({ file }) => file ?? []));
}

/** True for a message that says nothing and whose files the agent cannot be shown either. */
export function isUnreadable(message: Message): boolean {
  if (message.text.trim() !== '' || message.attachments.length === 0) return false;
  return !filesOf([message]).some((file) => isReadable(file.mimeType));
}

function nameOf(attachment: Attachment): string {
  return attachment.file?.name ?? safeFileName(attachment.name, attachment.kind);
}

function reasonOf({ file, problem, kind }: Attachment): string {
  if (problem !== undefined) return visibleLine(problem, longestReason);
  if (file === undefined) return 'its content is not available';
  const type = file.mimeType;
  if (type.startsWith('audio/')) return 'I cannot listen to recordings yet';
  if (type.startsWith('video/')) return 'I cannot watch videos yet';
  if (kind === 'image' && !type.startsWith('image/'))
    return `it is no picture that can be shown, but ${type}`;
  return `files of type ${type} cannot be read`;
}

/** What stands for a file in the text that the agent reads. */
export function placeholderOf(attachment: Attachment): string {
  const { file } = attachment;
  const name = nameOf(attachment);
  if (file !== undefined && isReadable(file.mimeType))
    return `[${name} attached; ${file.mimeType}, ${sizeOf(file.sizeBytes)}]`;
  return `[${name} attached; ${reasonOf(attachment)}]`;
}

/** What people are told of a message of which nothing could be read, as Markdown. */
export function apology({ attachments }: Message): string {
  const [first] = attachments;
  if (first === undefined) return 'I can read text only. Please write what you need.';
  if (attachments.every(({ file, kind }) => (file?.mimeType ?? kind).startsWith('audio')))
    return 'I cannot listen to voice messages yet. Please write what you need.';
  const others = attachments.length === 1 ? '' : ` (and ${attachments.length - 1} more)`;
  return `I could not read \`${nameOf(first).replaceAll('`', '')}\`${others}: ${reasonOf(first)}. Please write what you need.`;
}
