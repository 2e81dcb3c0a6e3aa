import { randomBytes } from 'node:crypto';

/** Prefixes say what an id names; a parsed id with another prefix is a bad request. */
export type IdPrefix =
  | 'run'
  | 'req'
  | 'rsp'
  | 'resp'
  | 'ses'
  | 'msg'
  | 'key'
  | 'agt'
  | 'call'
  | 'wrk'
  | 'dlq'
  | 'sig'
  | 'evt'
  | 'apr'
  | 'ntc'
  | 'pair'
  | 'fil';

/** Makes a fresh id with the given prefix. Injected, so that tests are stable. */
export type IdGenerator = (prefix: IdPrefix) => string;

// Crockford's alphabet in lower case: sorts like the number it encodes, has no look-alike letters.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

function encodeTime(milliseconds: number): string {
  let text = '';
  let rest = milliseconds;
  for (let index = 0; index < 10; index += 1) {
    text = alphabet[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** Asking the system for randomness costs more than an id is worth. */
const pooledBytes = 4096;
const randomLength = 12;

/** Ids as `run_` + 10 characters of time + 12 random ones: DNS-safe and sortable by the time of their making. */
export function createIdGenerator(now: () => number): IdGenerator {
  let lastTime = 0;
  let timeText = encodeTime(0);
  let pool = randomBytes(0);
  let used = 0;
  return (prefix) => {
    const time = Math.max(lastTime, now());
    if (time !== lastTime) timeText = encodeTime(time);
    lastTime = time;
    if (used + randomLength > pool.length) {
      pool = randomBytes(pooledBytes);
      used = 0;
    }
    let random = '';
    for (const end = used + randomLength; used < end; used += 1) random += alphabet[(pool[used] ?? 0) & 31];
    return `${prefix}_${timeText}${random}`;
  };
}
