import { isAlias, isMap, isScalar, isSeq, type Document, type LineCounter } from 'yaml';

/** Where something stands in a file; both count from 1. */
export interface Place {
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

type Path = readonly PropertyKey[];

/** `max_steps` as the schemas spell it. */
export const camelCase = (key: string): string =>
  key.replaceAll(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase());

const nameOf = (key: unknown): string => camelCase(isScalar(key) ? String(key.value) : '');

function childOf(document: Document, parent: unknown, key: PropertyKey): unknown {
  const node = isAlias(parent) ? parent.resolve(document) : parent;
  if (isSeq(node)) return node.items[Number(key)];
  if (!isMap(node)) return undefined;
  return node.items.find((item) => nameOf(item.key) === camelCase(String(key)))?.value;
}

function placeOfNode(node: unknown, counter: LineCounter): Place | undefined {
  const start = (node as { range?: readonly number[] | null } | null | undefined)?.range?.[0];
  if (start === undefined) return undefined;
  const { line, col } = counter.linePos(start);
  return { line, column: col };
}

/** Where the value at a path stands, or the nearest thing around it that is there. */
export function placeOf(document: Document, counter: LineCounter, path: Path): Place {
  let node: unknown = document.contents;
  let place = placeOfNode(node, counter) ?? {};
  for (const key of path) {
    node = childOf(document, node, key);
    const inner = placeOfNode(node, counter);
    if (inner === undefined) break;
    place = inner;
  }
  return place;
}

function keyNodeOf(document: Document, path: Path, key: string): unknown {
  let parent: unknown = document.contents;
  for (const step of path) parent = childOf(document, parent, step);
  const node = isAlias(parent) ? parent.resolve(document) : parent;
  return isMap(node) ? node.items.find((item) => nameOf(item.key) === camelCase(key))?.key : undefined;
}

/** Where a key stands; `placeOf` would point at its value. */
export function keyPlaceOf(document: Document, counter: LineCounter, path: Path, key: string): Place {
  return placeOfNode(keyNodeOf(document, path, key), counter) ?? placeOf(document, counter, [...path, key]);
}

/** A key in the author's spelling. */
export function keyAsWritten(document: Document, path: Path, key: string): string {
  const node = keyNodeOf(document, path, key);
  return isScalar(node) ? String(node.value) : key;
}
