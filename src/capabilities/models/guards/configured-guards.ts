import type { GuardSetting, ModelGuardSettings, PiiKind } from '../../../protocol/index.ts';
import { blockedContent } from './blocked-content.ts';
import type { GuardLists } from './create-guard-chain.ts';
import type { Guard } from './guard.ts';
import type { JudgeDeps, GuardSide } from './judge.ts';
import { createPiiScan } from './pii-scan.ts';
import { createSecretScan } from './secret-scan.ts';
import { createSizeGuard } from './size-guard.ts';
import { createWordScan } from './word-scan.ts';

const everyPii: readonly PiiKind[] = ['email', 'phone', 'iban', 'card', 'ip'];

/** Stops everything: a guard that was asked for is not there. */
function brokenGuard(name: string, reason: string): Guard {
  const stop = (): never => {
    throw blockedContent(name, reason);
  };
  return { name, input: stop, output: stop, watch: () => stop };
}

function wordGuard(
  setting: Extract<GuardSetting, { readonly blockWords: unknown }>['blockWords'],
  { logger }: JudgeDeps,
): Guard {
  const name = 'blockWords';
  const settings =
    'words' in setting ? setting : { words: setting, patterns: [], window: 1, action: 'block' as const };
  try {
    return { name, scan: createWordScan(settings) };
  } catch (error) {
    logger.error({ guard: name, error }, 'a pattern of a guard cannot be read; every call is stopped');
    return brokenGuard(name, 'one of its patterns cannot be read');
  }
}

function guardOf(setting: GuardSetting, plugins: ReadonlyMap<string, Guard>, deps: JudgeDeps): Guard {
  if (setting === 'secrets') return { name: 'secrets', scan: createSecretScan('redact') };
  if (setting === 'pii') return { name: 'pii', scan: createPiiScan(everyPii, 'mask') };
  if ('secrets' in setting) return { name: 'secrets', scan: createSecretScan(setting.secrets.action) };
  if ('pii' in setting) return { name: 'pii', scan: createPiiScan(setting.pii.kinds, setting.pii.action) };
  if ('maxBytes' in setting) return createSizeGuard({ bytes: setting.maxBytes });
  if ('maxTokens' in setting) return createSizeGuard({ tokens: setting.maxTokens });
  if ('blockWords' in setting) return wordGuard(setting.blockWords, deps);
  const { name, onError, timeout } = setting.guard;
  const plugin = plugins.get(name);
  if (plugin === undefined) {
    deps.logger.error({ guard: name }, 'a guard is not there; every call is stopped');
    return brokenGuard(name, 'it is not there');
  }
  return placed(plugin, {
    ...(onError === undefined ? {} : { onError }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
  });
}

/** A plugin's guard with settings of its place; its methods stay bound to it. */
function placed(plugin: Guard, settings: Pick<Guard, 'onError' | 'timeoutMs'>): Guard {
  return Object.assign(Object.create(plugin) as Guard, settings);
}

const looksAt: Readonly<Record<GuardSide, (guard: Guard) => boolean>> = {
  input: ({ input, scan }) => input !== undefined || scan !== undefined,
  output: ({ output, scan, watch }) => output !== undefined || scan !== undefined || watch !== undefined,
};

/** The guards that settings name, and after them the plugins' that they do not name. */
export function configuredGuards(
  settings: ModelGuardSettings | undefined,
  plugins: readonly Guard[],
  deps: JudgeDeps,
): GuardLists {
  const known = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  const side = (name: GuardSide): readonly Guard[] => {
    const listed = (settings?.[name] ?? []).map((setting) => guardOf(setting, known, deps));
    const named = new Set(listed.map((guard) => guard.name));
    return [...listed, ...plugins.filter((plugin) => !named.has(plugin.name))].filter(looksAt[name]);
  };
  return { input: side('input'), output: side('output') };
}
