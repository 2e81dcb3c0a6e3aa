import { createHash } from 'node:crypto';

/** A name as JetStream takes it in streams, consumers and subjects; others than ours get a mark of their own. */
export function streamToken(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  if (plain === name) return name;
  return `${plain}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}
