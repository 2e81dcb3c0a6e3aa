import type { Place } from '../../../base/index.ts';

/** Where something of the model list is written; the file is relative to the project. */
export interface Location extends Place {
  readonly file: string;
}

/** `file:line`, as notes begin. */
export const placeText = ({ file, line }: Location): string =>
  line === undefined ? file : `${file}:${line}`;

/** What keeps a part of the model list from being used. */
export interface ModelListFault extends Location {
  readonly field?: string | undefined;
  readonly message: string;
}
