import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { collectProcessMetrics } from './process-metrics.ts';

const seconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** The process's instruments. Label values are bounded: never a user, session or run id. */
export function createMetrics(options: { version: string; processMetrics?: boolean } = { version: '0' }) {
  const registry = new Registry();
  if (options.processMetrics ?? true) collectProcessMetrics(registry, 'agent33_');
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `agent33_${name}`, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name: `agent33_${name}`, help, labelNames: [...labelNames], registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Histogram({
      name: `agent33_${name}`,
      help,
      labelNames: [...labelNames],
      buckets: seconds,
      registers,
    });
  const buildInfo = gauge('build_info', 'Version of the running build.', ['version', 'node']);
  buildInfo.set({ version: options.version, node: process.version }, 1);
  return {
    registry,
    httpDuration: histogram('http_server_request_duration_seconds', 'HTTP requests.', [
      'route',
      'method',
      'status',
    ]),
    modelRequests: counter('llm_requests_total', 'Model calls.', ['provider', 'model', 'status']),
    modelDuration: histogram('llm_request_duration_seconds', 'Duration of model calls.', [
      'provider',
      'model',
    ]),
    modelFirstToken: histogram(
      'llm_time_to_first_token_seconds',
      'Time to the first part of a streamed answer.',
      ['provider', 'model'],
    ),
    modelTokens: counter('llm_tokens_total', 'Tokens.', ['provider', 'model', 'type']),
    modelCost: counter('llm_cost_usd_total', 'Known cost of model calls in USD.', ['provider', 'model']),
    modelFallbacks: counter('llm_fallbacks_total', 'Calls answered by a fallback.', ['from', 'to']),
    modelPicks: counter('llm_deployment_picks_total', 'Attempts by deployment of the model list.', [
      'group',
      'deployment',
    ]),
    modelRetries: counter('llm_retries_total', 'Further attempts within a group, by class of the error.', [
      'group',
      'reason',
    ]),
    modelCooldowns: counter(
      'llm_deployment_cooldowns_total',
      'Deployments left out for a while, by class of the error.',
      ['group', 'deployment', 'reason'],
    ),
    modelsCooling: gauge(
      'llm_deployments_cooling',
      'Deployments that rest, or have and are not proven well again.',
      [],
    ),
    modelCache: counter('llm_cache_total', 'Model calls that asked the cache, by what it knew.', ['result']),
    guardVerdicts: counter('llm_guard_verdicts_total', 'What guards did beside letting pass.', [
      'guard',
      'side',
      'verdict',
    ]),
    usageRows: counter('usage_rows_total', 'Usage rows of model calls by what became of them.', ['outcome']),
    usageRowsWaiting: gauge('usage_rows_waiting', 'Usage rows that are not written yet.', []),
    tracingSpans: counter('tracing_spans_total', 'Ended spans by what became of them.', ['outcome']),
    runs: counter('agent_runs_total', 'Ended runs.', ['agent', 'status']),
    runDuration: histogram('agent_run_duration_seconds', 'Duration of runs.', ['agent']),
    runsActive: gauge('runs_active', 'Runs that this process executes now.', []),
    toolCalls: counter('tool_calls_total', 'Tool calls.', ['tool', 'status']),
    toolDuration: histogram('tool_call_duration_seconds', 'Duration of tool calls.', ['tool']),
    channelMessages: counter('channel_messages_total', 'Messages of chat platforms.', [
      'channel',
      'direction',
      'status',
    ]),
    channelReceipts: counter(
      'channel_receipts_total',
      'What platforms said later of messages that they had accepted.',
      ['channel', 'status'],
    ),
    streamRequests: counter('stream_requests_total', 'Entries of agent:requests by what became of them.', [
      'outcome',
    ]),
    runEventsTold: counter(
      'run_events_told_total',
      'Events of runs for other programs, by what became of them.',
      ['target', 'outcome'],
    ),
    channelUp: gauge('channel_up', 'Is the channel connected?', ['channel']),
    queueDepth: gauge('queue_depth', 'Waiting jobs.', ['queue']),
    deadLetters: gauge('dead_letters', 'Unresolved dead letters.', ['kind']),
    scheduleSlots: counter('schedule_slots_total', 'Slots of schedules by what became of them.', ['outcome']),
    scheduleLag: histogram('schedule_lag_seconds', 'Start of a slot after it was due.', []),
    sensorEvents: counter('sensor_events_total', 'What sensors saw, by type of sensor.', ['type']),
    oldestRequestAge: gauge(
      'oldest_unanswered_request_seconds',
      'Age of the oldest request without a response.',
      [],
    ),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
