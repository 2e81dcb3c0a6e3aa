import { AppError } from '../base/index.ts';
import type { Config } from '../platform/config/index.ts';

/** What a process can do beside accepting requests, in the order in which it is told. */
const allRoles = ['runs', 'deliveries', 'automation'] as const;

/** A queue, or a duty, that processes share. */
export type ProcessRole = (typeof allRoles)[number];

/** `server`: accepts requests. `worker`: only works, beside servers. */
export type ProcessKind = 'server' | 'worker';

/** What this process works on. Error: `invalid_config` for a worker beside an embedded database. */
export function processRoles(
  config: Pick<Config, 'AGENT33_WORKER' | 'AGENT33_QUEUES' | 'DATABASE_URL'>,
  kind: ProcessKind,
): readonly ProcessRole[] {
  const { AGENT33_QUEUES: named, DATABASE_URL: databaseUrl } = config;
  if (kind === 'worker' && databaseUrl === undefined)
    throw new AppError(
      'invalid_config',
      'a worker needs PostgreSQL (DATABASE_URL): the embedded database belongs to one process, the server, which works on its queues itself',
    );
  if (kind === 'server' && !config.AGENT33_WORKER) return [];
  return allRoles.filter((role) => named.length === 0 || named.includes(role));
}
