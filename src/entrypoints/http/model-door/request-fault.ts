import { AppError } from '../../../base/index.ts';

/** A request that is not as expected, with the field that is to blame. */
export function requestFault(path: string, message: string, openaiCode?: string): AppError {
  return new AppError('invalid_request', `${path}: ${message}`, {
    details: { issues: [{ path, message }], ...(openaiCode === undefined ? {} : { openaiCode }) },
  });
}
