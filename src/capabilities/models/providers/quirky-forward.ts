import { adaptWire } from './adapt-wire.ts';
import { createOpenAIForward } from './forward-openai.ts';
import type { OpenAIQuirks } from './openai-quirks.ts';
import type { LLMProvider } from '../provider.ts';

type Forwarding = Required<Pick<LLMProvider, 'wireShapes' | 'forward'>>;

const mostModels = 200;

/** Sends requests on as they are to a server with habits of its own, or with an address for each model. */
export function createQuirkyForward(
  options: Parameters<typeof createOpenAIForward>[0] & {
    readonly quirks: OpenAIQuirks;
    /** Address below which the calls for one model go; default the base URL. */
    readonly addressOf?: (model: string) => string;
  },
): Forwarding {
  const { quirks, addressOf, baseUrl, ...rest } = options;
  const usage = quirks.usageOption === undefined ? {} : { usageInStreams: quirks.usageOption };
  const forwardingTo = (address: string): Forwarding =>
    createOpenAIForward({ ...rest, ...usage, baseUrl: address });
  const base = forwardingTo(baseUrl);
  if (addressOf === undefined)
    return { ...base, forward: (request, call) => base.forward(adaptWire(request, quirks), call) };
  const { search } = new URL(baseUrl);
  const byModel = new Map<string, Forwarding>();
  return {
    ...base,
    forward(request, call) {
      const known = byModel.get(request.model);
      const forwarding = known ?? forwardingTo(`${addressOf(request.model)}${search}`);
      if (known === undefined) {
        if (byModel.size >= mostModels) byModel.clear();
        byModel.set(request.model, forwarding);
      }
      return forwarding.forward(adaptWire(request, quirks), call);
    },
  };
}
