import { Readable } from 'node:stream';
import { AppError, isJsonObject, toAppError } from '../../../base/index.ts';
import { StreamSource, type ByteSource } from '../../../platform/http-client/index.ts';
import type { WireRequest } from '../provider.ts';
import { brokenAnswer } from '../providers/wire-error.ts';
import type { AttemptIo, Begun } from '../router/index.ts';
import { passEvents } from './pass-events.ts';
import { passWhole } from './pass-whole.ts';
import type { ByteAnswer } from './pass-context.ts';

const includesUsage = ({ json }: WireRequest): boolean =>
  isJsonObject(json['stream_options']) && json['stream_options']['include_usage'] === true;

export type { ByteAnswer };

/**
 * Sends a request on as it is. Resolves when the answer has really begun: with its first event, or, where it is no stream,
 * with all of it. An upstream that answers with an error report, a page or nothing at all rejects, whatever its status
 * was, so that another one can be asked.
 */
export async function beginBytes(
  io: AttemptIo,
  wire: WireRequest,
  options: { readonly stream: boolean; readonly inputTokens: () => number },
): Promise<Begun<ByteAnswer>> {
  const { provider, deployment, params, maxOutputTokens, signal } = io;
  if (provider.forward === undefined)
    throw new AppError('internal', `The provider "${provider.name}" has no forward.`);
  let source: ByteSource | undefined;
  try {
    const response = await provider.forward(
      {
        wire,
        model: deployment.model,
        stream: options.stream,
        params,
        overrides: maxOutputTokens === undefined ? {} : { max_tokens: maxOutputTokens },
      },
      { signal },
    );
    const { body } = response;
    source = body instanceof Readable ? new StreamSource(body) : body;
    const context = { io, wire, source, response, inputTokens: options.inputTokens };
    return await (options.stream
      ? passEvents(context, { hideUsage: !includesUsage(wire) })
      : passWhole(context));
  } catch (error) {
    source?.destroy();
    if (signal.aborted) throw toAppError(signal.reason);
    throw source === undefined ? toAppError(error) : brokenAnswer(`The provider "${provider.name}"`, error);
  }
}
