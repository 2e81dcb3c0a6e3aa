import { visibleLine } from '../../base/index.ts';

const longestName = 100;

/** A name that is one line, names no folder and hides nothing; `fallback` where nothing is left of it. */
export function safeFileName(given: string | undefined, fallback: string): string {
  const last = (given ?? '').split(/[/\\]/).at(-1) ?? '';
  const plain = last.replaceAll(/[<>:"|?*[\]`]/g, '_');
  const name = visibleLine(plain, plain.length + 1).replace(/^[.\s]+/, '');
  if (name === '') return fallback;
  if (name.length <= longestName) return name;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? '';
  return `${visibleLine(name.slice(0, name.length - extension.length), longestName - extension.length)}${extension}`;
}
