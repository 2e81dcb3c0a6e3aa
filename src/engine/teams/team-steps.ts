import type { TeamSpec } from '../../protocol/index.ts';
import { isDownstreamStep } from '../agents/index.ts';

/** Number of a turn of mode handoff (`turn:2:billing`); `undefined` for other keys. */
function turnOf(key: string): number | undefined {
  const match = /^turn:(\d+):/.exec(key);
  return match === null ? undefined : Number(match[1]);
}

const isMember = (key: string): boolean => key.startsWith('member:');

/**
 * Can `key` have been decided by what `from` came to? Members that answer side by side are not behind each other; the
 * lead's turns are behind them in `collaborate` and before them in `route`; a hand-over is behind those before it.
 */
export function isDownstreamOfTeam(mode: TeamSpec['mode'], from: string, key: string): boolean {
  const [before, after] = [turnOf(from), turnOf(key)];
  if (before !== undefined && after !== undefined) return after > before;
  if (isMember(from) && isMember(key)) return false;
  if (isMember(from)) return mode !== 'route';
  if (isMember(key)) return mode === 'route';
  return isDownstreamStep(from, key);
}
