import { AppError } from '../../base/index.ts';

/** Takes `postgres://`, `postgresql://` and SQLAlchemy's spellings with a driver, and gives what node-postgres reads. */
export function normalizePostgresUrl(url: string): string {
  const match = /^postgres(?:ql)?(?:\+[a-z0-9]+)?:\/\//.exec(url);
  if (match === null) {
    throw new AppError(
      'invalid_config',
      'DATABASE_URL is not a PostgreSQL address; expected postgresql://user:password@host:5432/database.',
    );
  }
  return `postgresql://${url.slice(match[0].length)}`;
}
