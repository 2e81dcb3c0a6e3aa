import type { JsonObject } from '../../base/index.ts';
import type { RunEvent, RunTarget, StoredRunEvent } from '../../protocol/index.ts';

/** An event of a run as other programs see it. */
export interface TellableEvent {
  readonly subject: string;
  readonly id: string;
  readonly payload: JsonObject;
}

/** What is told of each kind of event; text as it is written is for watchers of the run alone. */
function typeOf(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'run-start':
      return 'started';
    case 'run-end':
      return event.status;
    case 'run-waiting':
      return 'waiting';
    case 'tool-call':
      return 'called';
    case 'tool-result':
      return event.ok ? 'completed' : 'failed';
    case 'text-delta':
    case 'reasoning-delta':
      return undefined;
    case 'step-start':
    case 'step-end':
    case 'step-state':
    case 'approval-requested':
    case 'approval-decided':
    case 'custom':
    default:
      return event.type;
  }
}

/** Subject and payload of an event, for the bus and for `agent:events`; `undefined`: it is not told. */
export function tellable(stored: StoredRunEvent, target: RunTarget | undefined): TellableEvent | undefined {
  const { runId, sequence, at, event } = stored;
  const type = typeOf(event);
  if (type === undefined) return undefined;
  const isTool = event.type === 'tool-call' || event.type === 'tool-result';
  const area = isTool ? 'tool' : target?.kind === 'workflow' ? 'workflow' : 'agent';
  const { type: kind, ...facts } = event;
  return {
    subject: `${area}.events.${type}`,
    id: `${runId}:${sequence}`,
    payload: {
      id: `${runId}:${sequence}`,
      type: `${area}.events.${type}`,
      event: kind,
      run_id: runId,
      sequence,
      timestamp: at,
      ...(target === undefined ? {} : { target: { ...target }, [`${target.kind}_id`]: target.name }),
      ...(facts as unknown as JsonObject),
    },
  };
}
