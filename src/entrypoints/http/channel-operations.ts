import type { JsonObject } from '../../base/index.ts';
import type { RunTarget, Scope } from '../../protocol/index.ts';

interface ShownChannel {
  readonly name: string;
  readonly platform: string;
  readonly agent: string;
  readonly mode: string;
  readonly accountId: string | null;
  readonly webhook: { readonly path: string; readonly url: string | null };
  readonly status: string;
  readonly error: string | null;
  readonly lastInAt: string | null;
  readonly lastOutAt: string | null;
}

interface ShownMessage {
  readonly direction: 'in' | 'out';
  readonly at: string;
  readonly status: string;
  readonly chatId: string | null;
  readonly userId: string | null;
  readonly text: string;
  readonly runId: string | null;
  readonly error: string | null;
}

interface ShownPending {
  readonly userId: string;
  readonly userName: string | null;
  readonly createdAt: string;
  readonly expiresAt: string;
}

interface ShownPairing {
  readonly userId: string;
  readonly userName: string | null;
  readonly subject: string | null;
  readonly pairedBy: string;
  readonly pairedAt: string;
}

/** What a program says to a channel. */
interface SaidText {
  readonly text: string;
  /** What a workflow gets instead of the text. */
  readonly inputs?: JsonObject;
  readonly userId?: string;
  readonly userName?: string;
  readonly conversationId?: string;
  readonly metadata: JsonObject;
  readonly target?: RunTarget;
  readonly callbackUrl?: string;
  readonly key: string | null;
}

/** What operators see of channels and do with them, and what programs say to them. Error: `not_found`. */
export interface ChannelOperations {
  list(): readonly ShownChannel[];
  messages(scope: Scope, channel: string, limit: number): Promise<readonly ShownMessage[]>;
  retry(scope: Scope, channel: string): Promise<number>;
  test(channel: string, to?: { readonly chatId: string; readonly text: string }): Promise<ShownChannel>;
  /** Errors: `invalid_request`, `forbidden`, `idempotency_mismatch`, and those of the target. */
  say(
    scope: Scope,
    channel: string,
    message: SaidText,
  ): Promise<{
    readonly runId: string;
    readonly sessionId: string | null;
    readonly target: RunTarget;
    readonly duplicate: boolean;
    /** How long the caller is kept unless it says otherwise. */
    readonly waitMs: number;
  }>;
  pairings(
    scope: Scope,
    channel: string,
  ): Promise<{ readonly pending: readonly ShownPending[]; readonly paired: readonly ShownPairing[] }>;
  approvePairing(scope: Scope, channel: string, code: string): Promise<ShownPairing>;
  invite(scope: Scope, channel: string, userId: string, subject?: string): Promise<string>;
  unpair(scope: Scope, channel: string, userId: string): Promise<void>;
}
