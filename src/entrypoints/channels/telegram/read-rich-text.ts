import { isJsonObject } from '../../../base/index.ts';

const deepest = 30;
const mostText = 40_000;
/** Parts of a block in the order in which they are read, each a block of its own. */
const lines = ['summary', 'items', 'blocks', 'cells', 'text', 'expression', 'caption', 'credit'] as const;

/** The words of a rich message, a block in a line; its markup is left out, the addresses of links are not. */
export function readRichText(blocks: unknown): string {
  const found: string[] = [];
  let left = mostText;
  const add = (line: string): void => {
    if (line.trim() === '' || left <= 0) return;
    found.push(line.slice(0, left));
    left -= line.length;
  };
  const walk = (block: unknown, depth: number): void => {
    if (depth > deepest || left <= 0) return;
    if (Array.isArray(block)) {
      for (const one of block) walk(one, depth + 1);
      return;
    }
    if (!isJsonObject(block)) return;
    const label = typeof block['label'] === 'string' ? `${block['label']} ` : '';
    const before = found.length;
    for (const name of lines) {
      const part = block[name];
      if (name === 'text' || name === 'summary' || name === 'credit' || name === 'expression')
        add(inline(part, depth + 1));
      else if (name === 'caption' && !isJsonObject(part)) add(inline(part, depth + 1));
      else walk(part, depth + 1);
    }
    if (label !== '' && found.length > before) found[before] = label + (found[before] ?? '');
  };
  walk(blocks, 0);
  return found.join('\n').trim();
}

/** Text is a string, a list of texts, or a part with a text in it. */
function inline(part: unknown, depth: number): string {
  if (typeof part === 'string') return part;
  if (depth > deepest) return '';
  if (Array.isArray(part)) return part.map((one: unknown) => inline(one, depth + 1)).join('');
  if (!isJsonObject(part)) return '';
  const words = inline(part['text'] ?? part['alternative_text'] ?? part['expression'], depth + 1);
  const { url } = part;
  return typeof url === 'string' && url !== words ? `${words} (${url})` : words;
}
