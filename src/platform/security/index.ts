export { createAuthenticator, type AuthenticatorOptions, type KeyVerifier } from './create-authenticator.ts';
export type { VerifiedKey } from './key-records.ts';
export { loadOrCreateCredentials, type Credentials } from './load-or-create-credentials.ts';
export type * from './principals.ts';
export { createApiKeyStore, type SqlApiKeyStore } from './sql-api-key-store.ts';
