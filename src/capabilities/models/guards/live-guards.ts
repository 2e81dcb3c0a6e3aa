import { canonicalJson } from '../../../base/index.ts';
import type { ModelGuardSettings } from '../../../protocol/index.ts';
import { noGuards, type GuardChain } from '../gateway/guard.ts';
import { configuredGuards } from './configured-guards.ts';
import { createGuardChain } from './create-guard-chain.ts';
import type { Guard } from './guard.ts';
import type { JudgeDeps } from './judge.ts';

/** The guards as the settings are now; calls under way keep those that they began with. */
export function createLiveGuards(
  deps: JudgeDeps & {
    readonly settings: () => ModelGuardSettings | undefined;
    readonly plugins: readonly Guard[];
  },
): () => GuardChain {
  const { settings, plugins } = deps;
  let known: { readonly settings: ModelGuardSettings | undefined; readonly chain: GuardChain } | undefined;
  return () => {
    const asked = settings();
    if (known !== undefined && known.settings === asked) return known.chain;
    const lists = configuredGuards(asked, plugins, deps);
    const chain =
      lists.input.length + lists.output.length === 0
        ? noGuards
        : createGuardChain(lists, canonicalJson([asked ?? null, plugins.map(({ name }) => name)]), deps);
    known = { settings: asked, chain };
    return chain;
  };
}
