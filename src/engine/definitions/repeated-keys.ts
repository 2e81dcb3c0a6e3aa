import type { Place } from '../../base/index.ts';
import { isScalar, visit, type Document, type LineCounter } from 'yaml';

/**
 * Keys that stand twice in one map, each with its place. The parser's own check compares every key with all before it,
 * which lets a large map hold up the process.
 */
export function repeatedKeys(
  document: Document,
  counter: LineCounter,
): readonly (Place & { readonly message: string })[] {
  const found: (Place & { readonly message: string })[] = [];
  visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) {
          const { line, col } = counter.linePos(key.range?.[0] ?? 0);
          found.push({ line, column: col, message: `the key "${String(key.value)}" stands here twice` });
        }
        seen.add(key.value);
      }
    },
  });
  return found;
}
