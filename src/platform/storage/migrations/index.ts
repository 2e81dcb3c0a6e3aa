import { initial } from './0001-initial.ts';

/** A numbered step of the database's schema: SQL statements that run once, in one transaction. */
export interface SchemaMigration {
  readonly name: string;
  readonly statements: string;
}

/** All of them, oldest first. Listed by hand, so that they are found in the compiled package too. */
export const migrations: readonly SchemaMigration[] = [{ name: '0001-initial', statements: initial }];
