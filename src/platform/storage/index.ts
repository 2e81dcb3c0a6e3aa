export { createStorage, type CreateStorageDeps } from './create-storage.ts';
export { sqlState } from './database-errors.ts';
export { migrationStatus, migrateUp, type MigrationState } from './migrate.ts';
export { createMigrationFile } from './migration-file.ts';
export { PgliteStorage, type PgliteStorageDeps } from './pglite-storage.ts';
export { PostgresStorage, type PostgresStorageDeps } from './postgres-storage.ts';
export type * from './schema.ts';
export type * from './storage.ts';
export { templatePath } from './template.ts';
