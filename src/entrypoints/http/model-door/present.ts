type Present<T> = { [K in keyof T]?: Exclude<T[K], null | undefined> };

/** An object without those of its fields that are `null` or `undefined`. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  ) as Present<T>;
}
