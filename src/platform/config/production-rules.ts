import type { z } from 'zod';
import type { configSchema } from './schema.ts';

const signingSecrets = ['API_SECRET_KEY', 'JWT_SECRET', 'ENCRYPTION_KEY'] as const;

/** Words that stand in sample files instead of a secret. */
const placeholder =
  /change[-_ ]?me|changeit|your[-_ ]|^(?:secret|password|default|example|test|development)$/i;

/** True for `localhost`, `127.0.0.0/8` and `::1`. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** What must not be in production: each problem names the setting, the fault and what would be right. */
export function productionProblems(settings: z.output<typeof configSchema>): readonly string[] {
  const problems: string[] = [];
  for (const name of signingSecrets) {
    const value = settings[name];
    if (value === undefined) continue;
    if (placeholder.test(value)) {
      problems.push(
        `${name}: is a known default value; leave it out to have one generated, or set at least 32 random bytes`,
      );
    } else if (Buffer.byteLength(value) < 32) {
      problems.push(
        `${name}: is ${Buffer.byteLength(value)} bytes long; expected at least 32 random bytes in production`,
      );
    }
  }
  if (settings.AGENT33_BOOTSTRAP_KEY !== undefined && placeholder.test(settings.AGENT33_BOOTSTRAP_KEY)) {
    problems.push('AGENT33_BOOTSTRAP_KEY: is a placeholder; leave it out to have a key generated');
  }
  if (!isLoopbackHost(settings.API_HOST) && settings.API_ALLOWED_HOSTS.length === 0) {
    problems.push(
      `API_HOST: "${settings.API_HOST}" listens beyond this machine; set API_ALLOWED_HOSTS to the host names by which clients address the server, or API_HOST=127.0.0.1`,
    );
  }
  return problems;
}
