import { expect, it } from 'vitest';
import { normalizePostgresUrl } from './postgres-url.ts';

it.each([
  'postgres://u:p@h:1/d?sslmode=require',
  'postgresql://u:p@h:1/d?sslmode=require',
  'postgresql+asyncpg://u:p@h:1/d?sslmode=require',
  'postgresql+psycopg://u:p@h:1/d?sslmode=require',
])('reads %s', (url) => {
  expect(normalizePostgresUrl(url)).toBe('postgresql://u:p@h:1/d?sslmode=require');
});

it.each(['mysql://u:p@h/d', 'h:5432', 'postgresql:u@h'])('refuses %s without repeating it', (url) => {
  expect(() => normalizePostgresUrl(url)).toThrow(/expected postgresql:\/\/user:password@host/);
  expect(() => normalizePostgresUrl(url)).not.toThrow(url);
});
