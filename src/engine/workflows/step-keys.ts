/**
 * Names under which the acts of a workflow are journaled, stable over executions:
 *
 * | what | key |
 * |---|---|
 * | a step | `id` |
 * | an inner step of a group | `group/id` |
 * | element of `for_each` | `id[3]`, its inner steps `id[3]/inner` |
 * | iteration of `repeat_until` | `id#2`, with `for_each` `id[3]#2`; the wait before it `id#2:delay` |
 * | the second try | `id:try:2`; the wait before it `id:backoff:2` |
 * | approval before the act | `id:approval` |
 * | when an act with a time-out ran out of time | `id:timeout` |
 * | compensation | `id:undo` |
 *
 * Ids hold letters, digits, `-` and `_`, so that no two of these are ever the same.
 */
export const stepKeys = {
  inner: (prefix: string, id: string): string => `${prefix}${id}`,
  prefix: (groupKey: string): string => `${groupKey}/`,
  element: (key: string, index: number): string => `${key}[${index}]`,
  iteration: (key: string, iteration: number): string => `${key}#${iteration}`,
  delay: (iterationKey: string): string => `${iterationKey}:delay`,
  attempt: (key: string, attempt: number): string => (attempt === 1 ? key : `${key}:try:${attempt}`),
  backoff: (key: string, attempt: number): string => `${key}:backoff:${attempt}`,
  approval: (key: string): string => `${key}:approval`,
  timeout: (key: string): string => `${key}:timeout`,
  undo: (key: string): string => `${key}:undo`,
} as const;

/** Is it the key of a compensation, or of something within one? */
export function isUndoKey(key: string): boolean {
  return /:undo(?:[:/]|$)/.test(key);
}

/** Where a journal key belongs. */
export interface KeyPlace {
  /** Ids of the steps from the outermost group to the step itself. */
  readonly path: readonly string[];
  /** True for the step itself or one of its tries, elements and iterations; false for waits, approvals, compensation. */
  readonly isAct: boolean;
  /** True for the timer of an act. */
  readonly isTimeout: boolean;
  readonly index: number | undefined;
  readonly iteration: number | undefined;
  readonly attempt: number;
}

const part = /^([A-Za-z][A-Za-z0-9_-]*)(?:\[(\d+)\])?(?:#(\d+))?(?::try:(\d+))?(?::(.+))?$/;

/** Reads a journal key; `undefined` for one that no step of a workflow has. */
export function readStepKey(key: string): KeyPlace | undefined {
  const path: string[] = [];
  const parts = key.split('/');
  for (const [place, text] of parts.entries()) {
    const match = part.exec(text);
    if (match === null) return undefined;
    const [, id = '', index, iteration, attempt, rest] = match;
    path.push(id);
    if (place < parts.length - 1) continue;
    return {
      path,
      isAct: rest === undefined,
      isTimeout: rest === 'timeout',
      index: index === undefined ? undefined : Number(index),
      iteration: iteration === undefined ? undefined : Number(iteration),
      attempt: attempt === undefined ? 1 : Number(attempt),
    };
  }
  return undefined;
}
