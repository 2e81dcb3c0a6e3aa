import { toAppError } from '../../../base/index.ts';
import type { TraceSpan } from '../../../platform/observability/index.ts';
import { classifyError } from '../router/classify-error.ts';
import type { Attempt, Dispatcher, DispatchRequest, RouteStep } from '../router/index.ts';
import { currentCall, currentHeaders } from './call-trace.ts';
import { conventionalProvider } from './provider-names.ts';

/** One event for each decision: who was looked at, who was taken, how it went. */
function tellSteps(span: TraceSpan, steps: readonly RouteStep[]): void {
  for (const step of steps)
    span.event('agent33.route.step', {
      'agent33.group': step.group,
      'agent33.route.reason': step.reason,
      'agent33.route.strategy': step.strategy,
      'agent33.route.considered': step.considered.map(
        ({ deployment, verdict }) => `${deployment}: ${verdict}`,
      ),
      'agent33.deployment': step.picked,
      'agent33.route.waited_ms': step.waitedMs,
      'error.type': step.error?.code,
    });
}

/** Each attempt as a span below the call's; it ends with its answer. */
function tracedAttempt<T>(span: TraceSpan, attempt: Attempt<T>): Attempt<T> {
  return async (io) => {
    const { deployment, signal } = io;
    const own = span.child(`attempt ${deployment.id}`, {
      kind: 'client',
      attributes: {
        'gen_ai.provider.name': conventionalProvider(deployment.providerKind),
        'gen_ai.request.model': deployment.model,
        'agent33.deployment': deployment.id,
        'agent33.group': deployment.group,
        'agent33.attempt': io.attempt,
      },
    });
    const fail = (reason: unknown): void => {
      const timedOut = reason instanceof DOMException && reason.name === 'TimeoutError';
      const error = toAppError(reason);
      own.set({ 'agent33.error.class': timedOut ? 'Timeout' : classifyError(error).class });
      own.end(timedOut ? 'timeout' : error.code);
    };
    // Nobody waits for an attempt that heeds no abort.
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const begun = await currentHeaders.run(own.headers(), () => attempt(io));
      own.event('agent33.answer.begun', {});
      void begun.done.then(({ status }) => {
        signal.removeEventListener('abort', onAbort);
        own.end(status === 'ok' ? undefined : status);
      });
      return begun;
    } catch (error) {
      signal.removeEventListener('abort', onAbort);
      fail(signal.aborted ? signal.reason : error);
      throw error;
    }
  };
}

/** A dispatcher that writes its decisions and attempts into the trace of the call. */
export function tracedDispatcher(dispatcher: Dispatcher): Dispatcher {
  return {
    ...dispatcher,
    async dispatch(request, attempt) {
      const trace = currentCall.getStore();
      if (trace === undefined) return dispatcher.dispatch(request, attempt);
      const { span } = trace;
      let steps: () => readonly RouteStep[] = () => [];
      // Below the request, whose fields are worked out only when they are looked at.
      const watched = Object.create(request, {
        watch: { value: (seen: typeof steps) => (steps = seen) },
      }) as DispatchRequest;
      try {
        const dispatched = await dispatcher.dispatch(watched, tracedAttempt(span, attempt));
        trace.deployment = dispatched.route.deployment;
        return dispatched;
      } finally {
        tellSteps(span, steps());
      }
    },
  };
}
