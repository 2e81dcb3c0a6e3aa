import { AppError } from '../../base/index.ts';

/** A place in a list ordered by time and id, in a form that fits an address. */
export function encodeCursor(time: Date, id: string): string {
  return Buffer.from(`${time.toISOString()}|${id}`).toString('base64url');
}

/** Reads a cursor back. Error: `invalid_request`. */
export function decodeCursor(cursor: string): { time: Date; id: string } {
  const [time = '', id = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split('|');
  const date = new Date(time);
  if (Number.isNaN(date.getTime()) || id === '') {
    throw new AppError('invalid_request', 'cursor: expected the "next" value of an earlier page');
  }
  return { time: date, id };
}
