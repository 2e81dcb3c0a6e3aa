import type { LimitValues } from '../../protocol/index.ts';
import type { SubjectLimits } from './caller.ts';

/** Limits by subject, as they were set. */
export type LimitTable = Pick<ReadonlyMap<string, LimitValues>, 'get'>;

/** The first value that was set, the most specific first; `null` lifts what more general ones say. */
function first<K extends keyof LimitValues>(
  layers: readonly LimitValues[],
  name: K,
): NonNullable<LimitValues[K]> | undefined {
  const found = layers.find((values) => values[name] !== undefined);
  return found?.[name] ?? undefined;
}

/**
 * What holds for one subject, `undefined` without any limit. Its own limits come before those of `*`, and stored ones
 * before those of the project's file; what one leaves out the next one says. `alias` is another name of the same subject.
 */
export function effectiveLimits(
  subject: string,
  tables: { readonly stored: LimitTable; readonly file: LimitTable },
  alias?: string,
): SubjectLimits | undefined {
  const kind = subject.slice(0, subject.indexOf(':') + 1);
  const names = [subject, ...(alias === undefined ? [] : [alias]), ...(kind === '' ? [] : [`${kind}*`])];
  const layers = names.flatMap((name) => [tables.stored.get(name) ?? [], tables.file.get(name) ?? []].flat());
  if (layers.length === 0) return undefined;
  const [rpm, tpm, parallel] = [first(layers, 'rpm'), first(layers, 'tpm'), first(layers, 'parallel')];
  const budgets = first(layers, 'budgets');
  const limits: SubjectLimits = {
    ...(rpm === undefined ? {} : { rpm }),
    ...(tpm === undefined ? {} : { tpm }),
    ...(parallel === undefined ? {} : { parallel }),
    ...(budgets === undefined || budgets.length === 0
      ? {}
      : { budgets, ...(first(layers, 'unpriced') === 'allow' ? { unpriced: 'allow' as const } : {}) }),
  };
  return Object.keys(limits).length === 0 ? undefined : limits;
}
