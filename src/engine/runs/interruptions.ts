/**
 * Ends of an execution that are no outcome of the run: it goes on later or elsewhere. They are no `AppError`s, so that
 * nothing mistakes them for a failure; whoever catches errors inside a run passes them on.
 */
export class RunInterruption extends Error {
  readonly kind: 'fenced' | 'shutdown' | 'suspended';

  constructor(kind: 'fenced' | 'shutdown' | 'suspended', message: string) {
    super(message);
    this.name = 'RunInterruption';
    this.kind = kind;
  }
}

/** Another worker holds the run now: stop quietly, acknowledge nothing. */
export function fenced(runId: string): RunInterruption {
  return new RunInterruption('fenced', `run ${runId} is held by another worker`);
}
