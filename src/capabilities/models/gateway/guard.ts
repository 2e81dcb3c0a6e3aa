import type { ModelCaller } from '../../accounting/index.ts';
import type { ModelEvent, ModelRequest } from '../provider.ts';

type Request = Omit<ModelRequest, 'model'>;

/** What the guards made of a request. */
export interface GuardedRequest {
  readonly request: Request;
  /** False: the request may also go on as the bytes that came. */
  readonly changed: boolean;
}

/** What the guards made of texts. */
export interface GuardedTexts {
  readonly texts: readonly string[];
  readonly changed: boolean;
}

/**
 * The guards of an installation, one after the other. Error: `content_blocked` with `details.guard`; whatever else a guard
 * throws blocks too. A guard never sees the answer of a cached call again: it was guarded when it was stored.
 */
export interface GuardChain {
  /** Chains that judge differently have different ones: what one let through is not shown past another. */
  readonly fingerprint: string;
  /** Does anybody look at what is asked? */
  readonly guardsInput: boolean;
  /** Does anybody look at what is answered? Then no bytes pass untouched. */
  readonly guardsOutput: boolean;
  input(request: Request, caller: ModelCaller, signal: AbortSignal): Promise<GuardedRequest>;
  /** As `input`, for texts that become vectors or are put in order; there are as many afterwards. */
  texts(texts: readonly string[], caller: ModelCaller, signal: AbortSignal): Promise<GuardedTexts>;
  /** The answer as it may be seen; text may be held back until a guard can judge it. */
  output(
    events: AsyncIterable<ModelEvent>,
    caller: ModelCaller,
    signal: AbortSignal,
  ): AsyncIterable<ModelEvent>;
}

/** No guards. */
export const noGuards: GuardChain = {
  fingerprint: '',
  guardsInput: false,
  guardsOutput: false,
  input: (request) => Promise.resolve({ request, changed: false }),
  texts: (texts) => Promise.resolve({ texts, changed: false }),
  output: (events) => events,
};
