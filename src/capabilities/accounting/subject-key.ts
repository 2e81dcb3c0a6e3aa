/** The key by which the ledger counts a subject of a tenant: `tenant/<tenant>/key:<id>`, `tenant/<tenant>/tenant`. */
export function subjectKey(tenant: string, subject: string): string {
  return `tenant/${tenant}/${subject}`;
}
