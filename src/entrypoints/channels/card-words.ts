import { visibleLine } from '../../base/index.ts';

const longestPart = 300;
const mostItems = 100;

type Part = string | null | undefined;

const partsOf = (parts: readonly Part[]): readonly string[] =>
  parts.flatMap((part) =>
    typeof part === 'string' && part.trim() !== '' ? [visibleLine(part, longestPart)] : [],
  );

/** A place in words: there is no file behind it. */
export function placeInWords(
  { latitude, longitude }: { readonly latitude: number; readonly longitude: number },
  ...about: readonly Part[]
): string {
  return [`Location: ${latitude}, ${longitude}`, ...partsOf(about)].join('; ');
}

/** A contact card in words, in one line; empty where nothing is on it. */
export function contactInWords(...about: readonly Part[]): string {
  const parts = partsOf(about);
  return parts.length === 0 ? '' : `Contact: ${visibleLine(parts.join(', '), longestPart)}`;
}

/** A poll, a checklist and the like: a title, and below it what there is to choose or to do. */
export function listInWords(kind: string, title: Part, items: readonly Part[]): string {
  const lines = partsOf(items.slice(0, mostItems)).map((item) => `- ${item}`);
  return [`${kind}: ${partsOf([title]).join('')}`.trim(), ...lines].join('\n');
}

/** What somebody else wrote and the sender passes on. */
export function forwardedInWords(author: Part, text: string): string {
  const [name] = partsOf([author]);
  return `Forwarded message${name === undefined ? '' : ` of ${name}`}:\n${text}`;
}
