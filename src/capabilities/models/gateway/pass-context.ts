import { AppError } from '../../../base/index.ts';
import type { ForwardResponse, WireRequest } from '../provider.ts';
import type { ByteSource } from '../../../platform/http-client/index.ts';
import type { AttemptIo } from '../router/index.ts';
import type { GatewayAnswer } from './gateway.ts';

/** An answer in the bytes of its upstream. */
export type ByteAnswer = Omit<Extract<GatewayAnswer, { kind: 'bytes' }>, 'route' | 'kind'>;

/** What passing an answer on needs to know. */
export interface PassContext {
  readonly io: AttemptIo;
  readonly wire: WireRequest;
  readonly source: ByteSource;
  readonly response: ForwardResponse;
  readonly inputTokens: () => number;
}

/** The error for what came in place of an answer. */
export function insteadOfAnswer({ io }: PassContext, what: string): AppError {
  return new AppError('upstream_error', `The provider "${io.provider.name}" of ${io.deployment.id} ${what}`);
}
