import type { LimitValues, ModelLimit } from '../../protocol/index.ts';

/** Limits of the project's file by subject; read anew when the project was loaded anew. A later entry of a subject adds to an earlier one. */
export function createFileLimits(list: () => readonly ModelLimit[]): () => ReadonlyMap<string, LimitValues> {
  let read: readonly ModelLimit[] | undefined;
  let table: ReadonlyMap<string, LimitValues> = new Map();
  return () => {
    const now = list();
    if (now === read) return table;
    const bySubject = new Map<string, LimitValues>();
    for (const { subject, ...values } of now) {
      const before = bySubject.get(subject);
      bySubject.set(subject, before === undefined ? values : { ...before, ...values });
    }
    read = now;
    table = bySubject;
    return table;
  };
}
