const storableText = (text: string): string =>
  text.includes('\0') || !text.isWellFormed() ? text.replaceAll('\0', '\uFFFD').toWellFormed() : text;

/** Deeper than anybody writes, and far from where a stack ends, ours or the database's. */
const deepest = 500;
const tooDeep = '[nested too deeply]';

function storableValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return storableText(value);
  if (value === null || typeof value !== 'object') return value;
  if (depth > deepest) return tooDeep;
  if (Array.isArray(value)) {
    let changed: unknown[] | undefined;
    for (const [index, item] of value.entries()) {
      const kept = storableValue(item, depth + 1);
      if (kept === item) continue;
      changed ??= [...(value as unknown[])];
      changed[index] = kept;
    }
    return changed ?? value;
  }
  let changed = false;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => {
    const entry: [string, unknown] = [storableText(name), storableValue(inner, depth + 1)];
    changed ||= entry[0] !== name || entry[1] !== inner;
    return entry;
  });
  return changed ? Object.fromEntries(entries) : value;
}

/**
 * The same JSON value with U+FFFD in place of NUL and of halves of characters, which PostgreSQL's `jsonb` refuses: people
 * and models send them, and nothing is lost by the mark. What is nested more than 500 deep becomes a word that says so:
 * nobody could write it down. A value without them is returned as it is.
 */
export function storable<T>(value: T): T {
  return storableValue(value, 1) as T;
}
