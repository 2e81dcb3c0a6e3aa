import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { JsonObject, Logger } from '../../base/index.ts';
import { productionProblems, type Config } from '../config/index.ts';
import { mintApiKey, requireLookup } from './api-key.ts';
import { createPrivateFile, readPrivateFile, writePrivateFile } from './private-file.ts';

/** The secrets of an installation and its admin key. */
export interface Credentials {
  readonly jwtSecret: string;
  readonly apiSecretKey: string;
  /** Fernet form: 32 bytes in URL-safe base64. */
  readonly encryptionKey: string;
  readonly adminKey: {
    readonly key: string;
    /** Given by the operator, and so not written down. */
    readonly configured: boolean;
    /** Made just now: show it once. */
    readonly isNew: boolean;
  };
  /** Tells commands on this machine where the server is, in `credentials.json`. */
  announce(url: string): Promise<void>;
}

interface CredentialsDeps {
  readonly config: Config;
  readonly logger: Logger;
}

const names = ['JWT_SECRET', 'API_SECRET_KEY', 'ENCRYPTION_KEY'] as const;
type SecretName = (typeof names)[number];

function generate(name: SecretName): string {
  const bytes = randomBytes(name === 'ENCRYPTION_KEY' ? 32 : 48);
  // Python's Fernet wants the padding.
  return name === 'ENCRYPTION_KEY'
    ? bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_')
    : bytes.toString('base64url');
}

/** What the file has with what it lacks beside it; written when something was missing. */
async function complete(
  file: string,
  logger: Logger,
  fill: (stored: JsonObject) => JsonObject,
): Promise<{ content: JsonObject; created: boolean }> {
  const stored = await readPrivateFile(file, logger);
  const content = fill(stored ?? {});
  if (stored === undefined) {
    if (await createPrivateFile(file, content)) return { content, created: true };
    // Another process was quicker: its secrets count.
    return complete(file, logger, fill);
  }
  const created = Object.keys(content).length > Object.keys(stored).length;
  if (created) await writePrivateFile(file, content);
  return { content, created };
}

const usable = (value: unknown): value is string => typeof value === 'string' && value !== '';

/**
 * The secrets of the configuration; those it does not name are made at the first start and kept in AGENT33_HOME, readable
 * by the owner only. Error: `invalid_config`.
 */
export async function loadOrCreateCredentials({ config, logger }: CredentialsDeps): Promise<Credentials> {
  if (config.AGENT33_ENV === 'development') {
    for (const problem of productionProblems(config)) {
      logger.warn({ problem }, 'a setting is accepted in development only');
    }
  }
  const missing = names.filter((name) => config[name] === undefined);
  const secretsFile = path.join(config.homeDir, 'secrets.json');
  const { content: stored }: { content: JsonObject } =
    missing.length === 0
      ? { content: {} }
      : await complete(secretsFile, logger, (found) => ({
          ...found,
          ...Object.fromEntries(
            missing.filter((name) => !usable(found[name])).map((name) => [name, generate(name)]),
          ),
        }));
  const secret = (name: SecretName): string => config[name] ?? (stored[name] as string);

  const credentialsFile = path.join(config.homeDir, 'credentials.json');
  const configured = config.AGENT33_BOOTSTRAP_KEY;
  if (configured !== undefined) requireLookup(configured);
  const { content: kept, created } =
    configured === undefined
      ? await complete(credentialsFile, logger, (found) => ({
          ...found,
          api_key: usable(found['api_key']) ? found['api_key'] : mintApiKey(),
        }))
      : { content: (await readPrivateFile(credentialsFile, logger)) ?? {}, created: false };

  return {
    jwtSecret: secret('JWT_SECRET'),
    apiSecretKey: secret('API_SECRET_KEY'),
    encryptionKey: secret('ENCRYPTION_KEY'),
    adminKey: {
      key: configured ?? (kept['api_key'] as string),
      configured: configured !== undefined,
      isNew: created,
    },
    announce: (url) => writePrivateFile(credentialsFile, { ...kept, url }),
  };
}
