export type { ApprovalService } from './approvals/approval-service.ts';
export type { ApprovalQuery } from './approvals/approval-store.ts';
export { deliveryJob } from './end-run.ts';
export { decodeCursor, encodeCursor } from './page-cursor.ts';
export { defaultRunEngineSettings, type RunEngineDeps, type RunEngineSettings } from './engine-deps.ts';
export { eventSignal, type PublishedEvent } from './publish-event.ts';
export { RunInterruption } from './interruptions.ts';
export type * from './run-context.ts';
export { RunEngine } from './run-engine.ts';
export * from './run-graph.ts';
export type * from './run-store.ts';
export { SqlRunStore } from './sql-run-store.ts';
export { createWorkerList, type WorkerView } from './worker-list.ts';
export { MemoryJournal, type MemoryStep } from './memory/memory-journal.ts';
export { runInMemory, type MemoryRunOptions, type MemoryRunOutcome } from './memory/run-in-memory.ts';
export type * from './run-history.ts';
export type { RunComparison, ComparedRun, ComparedSide, ComparedStep } from './replay/diff-recordings.ts';
export { playbackRedactor } from './replay/export-cassette.ts';
export type { JsonDifference } from './replay/json-differences.ts';
export type { ReplayDifference, RunReplay } from './replay/replay-outcome.ts';
export { replayRecording, type ReplayOptions } from './replay/replay-recording.ts';
export { SqlRunHistory, type RunHistoryDeps } from './replay/sql-run-history.ts';
export {
  parseCassette,
  playCassette,
  updateCassette,
  type PlayedCassette,
  type PlayOptions,
} from './replay/play-cassette.ts';
