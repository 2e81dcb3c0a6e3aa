import { AppError, type HealthReport } from '../../../base/index.ts';
import type { RedisClient } from '../../redis/index.ts';

/** What a Redis does with streams. */
export interface Durability {
  readonly warnings: readonly string[];
  /** Streams must not be read from it: it deletes them by itself. */
  readonly refusal: AppError | undefined;
}

const noAof =
  'Redis keeps no append-only file: entries that were not read yet are lost when it restarts; set appendonly yes';
const evictsVolatile =
  'Redis evicts keys that expire when its memory is full, response streams among them; set maxmemory-policy noeviction';
const evictsAll =
  'Redis evicts any key when its memory is full (maxmemory-policy {policy}), streams with unread entries too; set maxmemory-policy noeviction';

/** Asks Redis how it keeps data. Where it may not be asked, nothing is said. */
export async function checkDurability(redis: RedisClient): Promise<Durability> {
  const reply = await redis.command('INFO', []);
  const facts = typeof reply === 'string' ? reply : '';
  const value = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(facts)?.[1];
  const policy = value('maxmemory_policy') ?? 'noeviction';
  const isBounded = /^[1-9]/.test(value('maxmemory') ?? '0');
  const warnings: string[] = [];
  if (value('aof_enabled') === '0') warnings.push(noAof);
  if (isBounded && policy.startsWith('volatile-')) warnings.push(evictsVolatile);
  const refuses = isBounded && policy.startsWith('allkeys-');
  return {
    warnings,
    refusal: refuses ? new AppError('invalid_config', evictsAll.replace('{policy}', policy)) : undefined,
  };
}

/** The same as health. */
export function durabilityHealth({ warnings, refusal }: Durability): HealthReport {
  if (refusal !== undefined) return { status: 'down', detail: `${refusal.message}.` };
  if (warnings.length > 0) return { status: 'degraded', detail: `${warnings.join('. ')}.` };
  return { status: 'ok', detail: 'Redis keeps streams.' };
}
