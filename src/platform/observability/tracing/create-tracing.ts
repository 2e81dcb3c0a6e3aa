import type { Attributes, Context, Span, SpanContext } from '@opentelemetry/api';
import type { Clock, Logger } from '../../../base/index.ts';
import type { Config } from '../../config/index.ts';
import type { Metrics } from '../metrics.ts';
import { SpanQueue } from './span-queue.ts';
import type { SpanAttributes, SpanStart, TraceHeaders, TraceSpan, Tracing } from './tracing.ts';

export interface TracingDeps {
  readonly config: Pick<
    Config,
    | 'OTEL_EXPORTER_OTLP_ENDPOINT'
    | 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'
    | 'OTEL_EXPORTER_OTLP_HEADERS'
    | 'OTEL_SERVICE_NAME'
    | 'OTEL_TRACES_SAMPLER_ARG'
    | 'OTEL_BSP_MAX_QUEUE_SIZE'
    | 'OTEL_BSP_SCHEDULE_DELAY'
  >;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'tracingSpans'>;
}

const exportMs = 10_000;

/** `name=value,…`, each part percent-encoded, as the variable is specified. */
function headersOf(written: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of written.split(',')) {
    const at = pair.indexOf('=');
    if (at <= 0) continue;
    const value = pair.slice(at + 1).trim();
    try {
      headers[pair.slice(0, at).trim()] = decodeURIComponent(value);
    } catch {
      headers[pair.slice(0, at).trim()] = value;
    }
  }
  return headers;
}

function addressOf({ config }: TracingDeps): string | undefined {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, OTEL_EXPORTER_OTLP_ENDPOINT: base } = config;
  return own ?? (base === undefined ? undefined : `${base.replace(/\/$/, '')}/v1/traces`);
}

const written = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** Whether a trace is recorded is the lowest bit of its flags. */
function contextOf(traceparent: string | undefined): Omit<SpanContext, 'traceState'> | undefined {
  const [, traceId, spanId, flags = '00'] = written.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) % 2, isRemote: true };
}

const present = (attributes: SpanAttributes = {}): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));

/** Tracing to the collector that the configuration names; `undefined` without one, and nothing is loaded then. */
export async function createTracing(deps: TracingDeps): Promise<Tracing | undefined> {
  const url = addressOf(deps);
  if (url === undefined) return undefined;
  const { config, version, ...rest } = deps;
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const queue = new SpanQueue({
    ...rest,
    exporter: new OTLPTraceExporter({
      url,
      headers: headersOf(config.OTEL_EXPORTER_OTLP_HEADERS ?? ''),
      timeoutMillis: exportMs,
      concurrencyLimit: 1,
    }),
    mostWaiting: config.OTEL_BSP_MAX_QUEUE_SIZE,
    delayMs: config.OTEL_BSP_SCHEDULE_DELAY,
  });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.name': config.OTEL_SERVICE_NAME,
      'service.version': version,
    }),
    sampler: new sdk.ParentBasedSampler({
      root: new sdk.TraceIdRatioBasedSampler(config.OTEL_TRACES_SAMPLER_ARG),
    }),
    spanLimits: { attributeValueLengthLimit: 4000, eventCountLimit: 100 },
    spanProcessors: [queue],
  });
  const tracer = provider.getTracer('agent33', version);
  const kinds = { client: api.SpanKind.CLIENT, internal: api.SpanKind.INTERNAL };

  const started = (name: string, { kind, attributes }: SpanStart, parent: Context): TraceSpan => {
    const span = tracer.startSpan(name, { kind: kinds[kind], attributes: present(attributes) }, parent);
    return wrapped(span, api.trace.setSpan(parent, span));
  };
  const wrapped = (span: Span, context: Context): TraceSpan => ({
    set: (attributes) => void (span.isRecording() && span.setAttributes(present(attributes))),
    event: (name, attributes) => void (span.isRecording() && span.addEvent(name, present(attributes))),
    child: (name, start) => started(name, start, context),
    headers: (): TraceHeaders => {
      const { traceId, spanId, traceFlags, traceState } = span.spanContext();
      const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
      return traceState === undefined ? { traceparent } : { traceparent, tracestate: traceState.serialize() };
    },
    end: (errorType) => {
      if (!span.isRecording()) return;
      if (errorType !== undefined) {
        span.setAttribute('error.type', errorType);
        span.setStatus({ code: api.SpanStatusCode.ERROR });
      }
      span.end();
    },
  });
  return {
    start: (name, { parent = {}, ...start }) => {
      const remote = contextOf(parent.traceparent);
      const { tracestate } = parent;
      const context =
        remote === undefined
          ? api.ROOT_CONTEXT
          : api.trace.setSpanContext(api.ROOT_CONTEXT, {
              ...remote,
              ...(tracestate === undefined ? {} : { traceState: api.createTraceState(tracestate) }),
            });
      return started(name, start, context);
    },
    stop: () => queue.shutdown(),
  };
}
