import { AppError } from '../base/index.ts';

/** What a principal may do. `admin` includes all others. */
export const permissionScopes = [
  'agents:read',
  'agents:write',
  'agents:invoke',
  'teams:read',
  'teams:write',
  'teams:invoke',
  'workflows:read',
  'workflows:write',
  'workflows:invoke',
  'automation:read',
  'automation:write',
  'approvals:read',
  'approvals:decide',
  'runs:read',
  'runs:write',
  'sessions:read',
  'sessions:write',
  'models:read',
  'models:invoke',
  'users:represent',
  'usage:read',
  'limits:write',
  'tools:execute',
  'channels:read',
  'channels:write',
  'keys:admin',
  'metrics:read',
  'admin',
] as const;

export type PermissionScope = (typeof permissionScopes)[number];

/** For whom something is done. Every repository call takes one; every row it touches carries its tenant. */
export interface Scope {
  readonly tenant: string;
  /** Stable name of who acts: `key:<id>`, `user:<name>`, `telegram:<bot>:<user>`, `system`. */
  readonly principal: string;
  readonly scopes: readonly PermissionScope[];
}

/** True when the scope carries the permission, itself or through `admin`. */
export function hasScope(scope: Scope, needed: PermissionScope): boolean {
  return scope.scopes.includes(needed) || scope.scopes.includes('admin');
}

/** Error: `forbidden` unless the scope carries one of the permissions; none named: always fine. */
export function requireScope(scope: Scope, ...oneOf: readonly PermissionScope[]): void {
  if (oneOf.length === 0 || oneOf.some((needed) => hasScope(scope, needed))) return;
  throw new AppError('forbidden', `this needs the permission ${oneOf.join(' or ')}`);
}

/** The tenant of an installation that has only one. */
export const defaultTenant = 'default';

/** The platform acting for itself: recovery, sweeping, delivery. */
export const systemScope: Scope = { tenant: defaultTenant, principal: 'system', scopes: ['admin'] };
