import type { Metrics } from '../../platform/observability/index.ts';

/** The instruments that model calls write to. */
export type ModelMetrics = Pick<
  Metrics,
  'modelRequests' | 'modelDuration' | 'modelFirstToken' | 'modelTokens' | 'modelCost' | 'modelFallbacks'
>;
