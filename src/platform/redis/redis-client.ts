import type { HealthReport, Service } from '../../base/index.ts';

/** What Redis answers, text decoded; maps come as flat lists. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** The same with the bytes of each text as they are, for what need not be UTF-8. */
export type RedisBytesReply = Uint8Array | number | null | readonly RedisBytesReply[];

export type RedisArgument = string | number | Uint8Array;

export interface RedisCommandOptions {
  readonly signal?: AbortSignal;
  /** The answer must come within (default 2 s). For blocking reads: longer than they may block. */
  readonly timeoutMs?: number;
}

/** A Lua script with its digest, by which the server knows it once it has seen it. */
export interface RedisScript {
  readonly lua: string;
  /** SHA-1, hex. */
  readonly sha: string;
}

/**
 * One connection to Redis. It comes back by itself; while it is away each call fails at once, and none is ever sent twice.
 *
 * Errors: `storage_unavailable` when Redis cannot be asked or does not answer in time (what was asked may have happened),
 * `not_ready` before `start` and after `stop`; what Redis says against a command comes as `RedisRefusal`.
 */
export interface RedisClient extends Service {
  /** How often the connection was made: another number says that another server may answer now. */
  readonly connections: number;
  command(name: string, args: readonly RedisArgument[], options?: RedisCommandOptions): Promise<RedisReply>;
  /** As `command`, with every text of the answer as bytes. */
  bytes(
    name: string,
    args: readonly RedisArgument[],
    options?: RedisCommandOptions,
  ): Promise<RedisBytesReply>;
  /** Runs a script: by its digest, with its text where the server has not seen it. */
  script(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    options?: RedisCommandOptions,
  ): Promise<RedisReply>;
  /** Another connection to the same server, not started: for reads that block. */
  duplicate(): RedisClient;
  health(signal: AbortSignal): Promise<HealthReport>;
}

/**
 * A connection that listens to channels. It comes back by itself and listens again; what was published meanwhile is lost.
 *
 * Errors as `RedisClient`.
 */
export interface RedisSubscriber extends Service {
  /** Listens to every channel that the glob matches: resolves when Redis has confirmed. Once per glob. */
  listen(glob: string, onMessage: (channel: string, payload: string) => void): Promise<void>;
  /** Resolves when everything published before has been handed over. */
  unlisten(glob: string): Promise<void>;
}
