import { toAppError } from '../../../base/index.ts';
import type { DefinitionCheck } from '../../definitions/index.ts';
import { slotTimesOf } from './slot-times.ts';

/** Finds times that cannot be read, or never come. */
export const checkSchedule: DefinitionCheck = (definition) => {
  if (definition.kind !== 'Schedule') return [];
  const { spec } = definition;
  const field = spec.cron !== undefined ? 'cron' : spec.every !== undefined ? 'every' : 'at';
  try {
    const never = slotTimesOf(spec).after(0) === undefined;
    return never ? [{ path: ['spec', field], message: 'this moment never comes' }] : [];
  } catch (error) {
    const { message } = toAppError(error);
    const [named = '', ...rest] = message.split(': ');
    const known = named === 'timezone' || named === field;
    return [{ path: ['spec', known ? named : field], message: known ? rest.join(': ') : message }];
  }
};
