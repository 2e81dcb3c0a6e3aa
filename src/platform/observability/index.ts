export { createLogger, type LoggerOptions } from './create-logger.ts';
export { EventLoopCheck } from './event-loop-check.ts';
export {
  createHealthAggregator,
  type AggregatedHealth,
  type HealthAggregator,
  type Readiness,
} from './health.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { createTracing } from './tracing/create-tracing.ts';
export type { SpanAttributes, TraceHeaders, TraceSpan, Tracing } from './tracing/tracing.ts';
export { isSecretKey, redactedText, Redactor } from './redactor.ts';
