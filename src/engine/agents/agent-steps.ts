/** A step of an agent's turn, read from its key: `model:3`, `tool:3:0`, `approve:tool:3:0`. */
interface TurnStep {
  /** A decision about the call, which comes before it. */
  readonly isApproval: boolean;
  /** Number of the model call, from 1. */
  readonly turn: number;
  /** Which of its tool calls; `undefined` for the model call itself. */
  readonly call: number | undefined;
}

function readKey(key: string): TurnStep | undefined {
  const match = /^(approve:)?(?:model|tool):(\d+)(?::(\d+))?$/.exec(key);
  if (match === null) return undefined;
  const [, approval, turn, call] = match;
  return {
    isApproval: approval !== undefined,
    turn: Number(turn),
    call: call === undefined ? undefined : Number(call),
  };
}

/**
 * Can `key` have been decided by what `from` came to? A model call is behind everything of earlier turns, tool calls
 * are behind their model call, and tool calls of one answer are not behind each other. A key of unknown form counts as behind.
 */
export function isDownstreamStep(from: string, key: string): boolean {
  const [before, after] = [readKey(from), readKey(key)];
  if (before === undefined || after === undefined) return true;
  if (before.turn !== after.turn) return after.turn > before.turn;
  if (after.call === undefined) return false;
  if (before.call === undefined) return true;
  return before.call === after.call && before.isApproval && !after.isApproval;
}
