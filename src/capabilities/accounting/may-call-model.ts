import { fitsPattern } from '../../base/index.ts';
import type { CallerAttributes } from './caller-directory.ts';

/**
 * May the caller use a model that is known by these names: what was asked for, its group, `provider/model`? One of them has
 * to be among the names and patterns of the caller, if there are any.
 */
export function mayCallModel(
  { models }: Pick<CallerAttributes, 'models'>,
  names: readonly string[],
): boolean {
  return models === undefined || models.some((pattern) => names.some((name) => fitsPattern(pattern, name)));
}
