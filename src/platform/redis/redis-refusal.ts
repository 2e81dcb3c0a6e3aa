/** Redis understood a command and refused it; `code` is the first word of what it said (`WRONGTYPE`, `OOM`, `NOSCRIPT`). */
export class RedisRefusal extends Error {
  readonly code: string;

  constructor(message: string, options: { cause: unknown }) {
    super(message, options);
    this.name = 'RedisRefusal';
    this.code = /^[A-Z]+/.exec(message)?.[0] ?? 'ERR';
  }
}
