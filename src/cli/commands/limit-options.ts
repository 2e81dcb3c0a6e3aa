import type { Command } from 'commander';
import type { JsonObject } from '../../base/index.ts';
import { budgetSpec } from '../../protocol/index.ts';
import { usageError } from '../cli-error.ts';

/** Limits as flags say them. */
export interface LimitOptions {
  readonly rpm?: string;
  readonly tpm?: string;
  readonly parallel?: string;
  readonly budget?: readonly string[];
  readonly allowUnpriced?: boolean;
}

/** A flag that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Adds the flags for limits to a command. */
export function addLimitOptions(command: Command): Command {
  return command
    .option('--rpm <count>', 'most calls a minute; "none" for no limit')
    .option('--tpm <count>', 'most tokens a minute; "none" for no limit')
    .option('--parallel <count>', 'most calls at the same time; "none" for no limit')
    .option(
      '--budget <usd/period>',
      'most money, such as 20/month, 0.5/1h or 100/total; may be repeated; "none" for no limit',
      collect,
    )
    .option('--allow-unpriced', 'models of unknown price may be called although there is a budget');
}

function parseCount(flag: string, text: string): number | null {
  if (text === 'none') return null;
  if (/^[1-9]\d{0,11}$/.test(text)) return Number(text);
  throw usageError(`--${flag} ${text}: expected a whole number above 0, or none`);
}

function parseBudget(text: string): JsonObject {
  const [, usd = '', period = ''] = /^\$?(\d+(?:\.\d+)?)\/(\S+)$/.exec(text) ?? [];
  const budget = { usd: Number(usd), period };
  if (budgetSpec.safeParse(budget).success) return budget;
  throw usageError(
    `--budget ${text}: expected an amount and a period such as 20/month, 0.5/1h, 5/1d or 100/total`,
  );
}

/** The limits that flags say, as the server takes them; what was not said is left out. */
export function limitsOfFlags(options: LimitOptions): JsonObject {
  const { budget } = options;
  return {
    ...(options.rpm === undefined ? {} : { rpm: parseCount('rpm', options.rpm) }),
    ...(options.tpm === undefined ? {} : { tpm: parseCount('tpm', options.tpm) }),
    ...(options.parallel === undefined ? {} : { parallel: parseCount('parallel', options.parallel) }),
    ...(budget === undefined ? {} : { budgets: budget.includes('none') ? null : budget.map(parseBudget) }),
    ...(options.allowUnpriced === true ? { unpriced: 'allow' } : {}),
  };
}
