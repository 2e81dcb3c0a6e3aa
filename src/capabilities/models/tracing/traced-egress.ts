import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { ProviderParts } from '../providers/configured-provider.ts';
import { currentHeaders } from './call-trace.ts';

type TracedParts = Pick<ProviderParts, 'fetch' | 'pass' | 'connectingWithin'>;

interface Way {
  readonly fetch: EgressClient['fetch'];
  readonly pass?: EgressClient['pass'];
}

/** The way out to model servers, with the trace of the attempt in each request. */
function tracedWay<W extends Way>(way: W): W {
  const { fetch, pass } = way;
  return {
    ...way,
    fetch: (input, init) => {
      const trace = currentHeaders.getStore();
      if (trace === undefined) return fetch(input, init);
      const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
      for (const [name, value] of Object.entries(trace)) headers.set(name, value as string);
      return fetch(input, { ...init, headers });
    },
    ...(pass === undefined
      ? {}
      : {
          pass: (request: Parameters<EgressClient['pass']>[0]) => {
            const trace = currentHeaders.getStore();
            return pass(
              trace === undefined ? request : { ...request, headers: { ...request.headers, ...trace } },
            );
          },
        }),
  };
}

/** The same with all ways that there are. */
export function tracedEgress(egress: TracedParts): TracedParts {
  const { connectingWithin } = egress;
  return {
    ...tracedWay(egress),
    ...(connectingWithin === undefined
      ? {}
      : { connectingWithin: (connectMs: number) => tracedWay(connectingWithin(connectMs)) }),
  };
}
