import type { IncomingMessage } from 'node:http';

/** What can go wrong with a call on any platform. `cut-*`: the connection breaks before or after the call took effect. */
export type CommonFault =
  | { readonly kind: 'rate-limit'; readonly retryAfterSeconds: number }
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'cut-before' }
  | { readonly kind: 'cut-after' };

/** The least that is known of a fault. */
export interface AnyFault {
  readonly kind: CommonFault['kind'] | 'error';
  readonly delayMs?: number;
}

/** Which calls of a fake fail, and how: those that a test names, and others as it chooses. */
export class FaultList<Fault extends AnyFault> {
  /** Asked for each call that meets none of the named faults. */
  choose: ((call: string) => Fault | undefined) | undefined;
  readonly #next = new Map<string, Fault[]>();

  /** The next calls of this name meet these faults, one each. */
  failNext(call: string, ...faults: readonly Fault[]): void {
    this.#next.set(call, [...(this.#next.get(call) ?? []), ...faults]);
  }

  /** Answers a call, or lets it fail. `refuse` says in the platform's words what `error` and `rate-limit` are. */
  async meet<Answer>(
    call: string,
    request: IncomingMessage,
    {
      act,
      refuse,
      reply,
    }: {
      act: () => Answer | Promise<Answer>;
      refuse: (fault: Extract<Fault, { kind: 'error' | 'rate-limit' }>) => Answer;
      reply: (answer: Answer) => void;
    },
  ): Promise<void> {
    const fault = this.#next.get(call)?.shift() ?? this.choose?.(call);
    if (fault?.kind === 'cut-before') request.socket.destroy();
    else if (fault?.kind === 'error' || fault?.kind === 'rate-limit')
      reply(refuse(fault as Extract<Fault, { kind: 'error' | 'rate-limit' }>));
    else {
      if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
      const answer = await act();
      if (fault?.kind === 'cut-after') request.socket.destroy();
      else reply(answer);
    }
  }
}
