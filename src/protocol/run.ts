import type { Json, JsonObject, SerializedError } from '../base/index.ts';
import type { ApprovalKind, ApprovalOutcome } from './approval.ts';
import type { Citation, FinishReason, ToolCall, Usage } from './chat.ts';
import type { RunFile } from './run-file.ts';

export type TargetKind = 'agent' | 'team' | 'workflow';

/** What a run executes. */
export interface RunTarget {
  readonly kind: TargetKind;
  readonly name: string;
}

/** Life of a run. `completed`, `failed`, `cancelled` and `timeout` are final. */
export const runStatuses = [
  'queued',
  'running',
  'waiting',
  'completed',
  'failed',
  'cancelled',
  'timeout',
] as const;
export type RunStatus = (typeof runStatuses)[number];

/** True when nothing more will happen to a run. */
export function isFinal(status: RunStatus): status is 'completed' | 'failed' | 'cancelled' | 'timeout' {
  return status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'timeout';
}

/** May a run change something outside? `off` in a fork that was not told otherwise; its children inherit it. */
export type RunEffects = 'on' | 'off';

/** What a journaled step does. */
export type StepKind =
  | 'model'
  | 'tool'
  | 'run'
  | 'timer'
  | 'signal'
  | 'approval'
  | 'action'
  | 'message'
  | 'compute';

/** Life of a step of a workflow. `completed`, `skipped`, `failed` and `cancelled` are final. */
export type WorkflowStepStatus =
  | 'pending'
  | 'ready'
  | 'running'
  | 'waiting'
  | 'completed'
  | 'skipped'
  | 'failed'
  | 'cancelled';

/** What an agent's run answers with. */
export interface AgentOutput {
  readonly text: string;
  /** The structured answer, where the definition asks for one. */
  readonly object?: Json;
  readonly citations: readonly Citation[];
  /** Files that go along with the answer, in the order in which they were made. */
  readonly files?: readonly RunFile[];
  readonly model: string;
  readonly finishReason: FinishReason;
  readonly steps: number;
  /** Calls of the caller's own functions (`AgentInput.clientTools`), which end the run with `finishReason` `tool-calls`. */
  readonly toolCalls?: readonly ToolCall[];
}

/** A run of a member, as a team reports it. */
export interface TeamMemberRun {
  /** What the team calls the member. */
  readonly name: string;
  /** `null` when it was refused before it began. */
  readonly run_id: string | null;
  readonly status: 'completed' | 'failed' | 'cancelled' | 'timeout';
  /** `null` where no price is known. */
  readonly cost_usd: number | null;
  /** Why it has no answer. */
  readonly error?: string;
}

/** What a team's run answers with. */
export interface TeamOutput extends AgentOutput {
  readonly team: {
    readonly mode: 'coordinate' | 'route' | 'collaborate' | 'handoff';
    /** route and handoff: the member whose answer this is. */
    readonly answered_by?: string;
    /** route: why that member; `chosen_by` is `fallback` where the lead gave no valid choice, twice. */
    readonly choice?: { readonly chosen_by: 'lead' | 'only-member' | 'fallback'; readonly reason: string };
    /** handoff: who had control, in order. */
    readonly path?: readonly string[];
    /** Where the team has a budget. Runs and model calls without a known price count as 0. */
    readonly spent?: { readonly usd: number; readonly unpriced: number };
  };
  /** Who did what, in the order in which they began. */
  readonly members: readonly TeamMemberRun[];
}

/** What happens inside a run, told to whoever watches. Events are for watching; nothing decides by them. */
export type RunEvent =
  | {
      readonly type: 'run-start';
      readonly target: RunTarget;
      readonly sessionId: string | null;
      readonly attempt: number;
    }
  | {
      readonly type: 'step-start';
      readonly step: string;
      readonly kind: StepKind;
      readonly attempt: number;
      readonly name?: string;
    }
  | { readonly type: 'text-delta'; readonly step: string; readonly text: string }
  | { readonly type: 'reasoning-delta'; readonly step: string; readonly text: string }
  | { readonly type: 'tool-call'; readonly step: string; readonly call: ToolCall }
  | {
      readonly type: 'tool-result';
      readonly step: string;
      readonly callId: string;
      readonly name: string;
      readonly ok: boolean;
      /** The first 2,000 characters; the journal holds the whole. */
      readonly preview: string;
    }
  | {
      readonly type: 'step-end';
      readonly step: string;
      readonly ok: boolean;
      readonly durationMs: number;
      readonly usage?: Usage;
    }
  | {
      /** A step of a workflow has come to another state. */
      readonly type: 'step-state';
      /** Its id; within groups the path, such as `group/inner`. */
      readonly step: string;
      readonly action: string;
      readonly status: WorkflowStepStatus;
      readonly error?: SerializedError;
    }
  | { readonly type: 'run-waiting'; readonly reasons: readonly string[] }
  | {
      readonly type: 'approval-requested';
      readonly step: string;
      readonly approvalId: string;
      readonly kind: ApprovalKind;
      readonly title: string;
      /** ISO 8601. */
      readonly deadlineAt: string | null;
    }
  | {
      readonly type: 'approval-decided';
      readonly step: string;
      readonly approvalId: string;
      readonly status: ApprovalOutcome['status'];
      /** `null` when the deadline decided. */
      readonly decidedBy: string | null;
    }
  | { readonly type: 'custom'; readonly name: string; readonly data: JsonObject }
  | {
      readonly type: 'run-end';
      readonly status: RunStatus;
      readonly output?: Json;
      readonly error?: SerializedError;
      readonly usage: Usage;
    };

/** An event with its place in the run: `sequence` counts from 1 without gaps and is the SSE event id. */
export interface StoredRunEvent {
  readonly runId: string;
  readonly sequence: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly event: RunEvent;
}

/** Where a response is to be delivered. `null` in a request: the caller fetches it. */
export interface ReplyAddress {
  /** Name of the channel definition, such as `telegram`. */
  readonly channel: string;
  readonly platform: string;
  readonly accountId: string;
  /** The platform's chat or channel id. */
  readonly chatId: string;
  readonly threadId?: string;
  readonly replyToMessageId?: string;
  /** The platform's id of the command or press that is answered, where it wants that named. */
  readonly interactionId?: string;
  /** The message that is answered, where the platform wants it named to show "typing". */
  readonly answeredMessageId?: string;
  /** The platform takes only prepared texts there now: the time for free answers is over. */
  readonly templateOnly?: boolean;
  /** Address that the answer is posted to, where whoever asked named one. */
  readonly url?: string;
  /** Streams of a broker that get the response as an event, instead of a channel that says it. */
  readonly streams?: readonly string[];
}

/** A file that came with a request. */
export interface Attachment {
  readonly id: string;
  readonly kind: 'image' | 'audio' | 'video' | 'document';
  readonly mimeType?: string;
  readonly name?: string;
  readonly sizeBytes?: number;
  readonly url?: string;
  readonly platformRef?: string;
  /** The stored file, once it was fetched. */
  readonly file?: RunFile;
  /** Why it was not fetched and never will be, in words for people. */
  readonly problem?: string;
}

/** The one way in: what every door turns its input into before it submits it. */
export interface AgentRequest {
  /** Which door: `http`, `openai`, `cli`, `telegram`, … */
  readonly source: string;
  readonly target: RunTarget;
  readonly input: Json;
  /** Key of the conversation; requests of one key run one at a time, in order. `null`: no conversation, no order. */
  readonly sessionKey: string | null;
  /** Same key, same tenant, same source: the same request; the first one's run answers. */
  readonly dedupeKey: string | null;
  readonly replyTo: ReplyAddress | null;
  readonly attachments?: readonly Attachment[];
  /** Longest life of the run; `null` takes the definition's or the platform's. */
  readonly timeoutMs: number | null;
  readonly metadata: JsonObject;
}

/** What a run of an agent takes as input. */
export interface AgentInput {
  readonly message: string;
  /** Stored files that came with the message. */
  readonly files?: readonly RunFile[];
  /** Messages that replace the session's history, as an OpenAI-compatible client sends them; see `chatMessagesOf`. */
  readonly messages?: readonly JsonObject[];
  /** Model instead of the one of the agent's definition. Doors set it from their own settings, never from what a caller sends. */
  readonly model?: string;
  /** Values for `{{ … }}` in the instructions. */
  readonly variables?: JsonObject;
  /** Sampling settings of this one request: `temperature`, `maxTokens`, `topP`, `seed`, `stop`, … */
  readonly settings?: JsonObject;
  /** JSON Schema of the answer, instead of the one of the agent's definition. */
  readonly outputSchema?: JsonObject;
  /** Functions the caller executes itself, as OpenAI's `tools` name them; a call of one ends the run with it. */
  readonly clientTools?: readonly JsonObject[];
}

/** Exactly one per accepted request. */
export interface AgentResponse {
  readonly id: string;
  readonly requestId: string;
  readonly runId: string;
  readonly sessionId: string | null;
  readonly status: 'completed' | 'error' | 'timeout';
  readonly text: string;
  readonly output: Json;
  readonly error: SerializedError | null;
  readonly executionTimeMs: number;
  readonly usage: Usage;
  readonly metadata: JsonObject;
}
