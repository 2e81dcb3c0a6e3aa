import { z } from 'zod';

/** Name of a published event, the same at every door: parts of letters, digits, `_`, `-` or `:`, separated by dots. */
export const eventName = z
  .string()
  .max(255)
  .regex(
    /^[A-Za-z0-9_:-]+(?:\.[A-Za-z0-9_:-]+)*$/,
    'expected parts of letters, digits, "_", "-" or ":", separated by dots, such as order.paid',
  );
