export { createLogger, type LoggerOptions } from './create-logger.ts';
export { EventLoopCheck } from './event-loop-check.ts';
export {
  createHealthAggregator,
  type AggregatedHealth,
  type HealthAggregator,
  type Readiness,
} from './health.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { isSecretKey, redactedText, Redactor } from './redactor.ts';
