import { AppError, type Json, type SerializedError } from '../../base/index.ts';
import { noUsage, type AgentInput, type TeamMemberRun, type TeamOutput } from '../../protocol/index.ts';
import { runChild, type ChildReport, type Conversation, type Delegate } from '../agents/index.ts';
import type { RunContext } from '../runs/index.ts';
import type { TeamSnapshot } from './team-snapshot.ts';
import { TeamSpending } from './team-spending.ts';

/** One run of a team: who has done what, what it has cost, and the only way to a member. */
export class TeamRun {
  readonly context: RunContext;
  readonly snapshot: TeamSnapshot;
  readonly input: AgentInput;
  readonly conversation: Conversation;
  readonly spending: TeamSpending;
  readonly #runs: (TeamMemberRun | undefined)[] = [];

  constructor(parts: {
    context: RunContext;
    snapshot: TeamSnapshot;
    input: AgentInput;
    conversation: Conversation;
  }) {
    ({
      context: this.context,
      snapshot: this.snapshot,
      input: this.input,
      conversation: this.conversation,
    } = parts);
    this.spending = new TeamSpending(this.name, this.spec.limits.budgetUsd);
  }

  get name(): string {
    return this.snapshot.team.metadata.name;
  }

  get spec(): TeamSnapshot['team']['spec'] {
    return this.snapshot.team.spec;
  }

  /** Who did what so far, in the order in which they began. */
  get memberRuns(): readonly TeamMemberRun[] {
    return this.#runs.filter((run) => run !== undefined);
  }

  /** A member by what the team calls it. */
  member(label: string): Delegate {
    const found = this.snapshot.members.find((one) => one.label === label);
    if (found === undefined) throw new AppError('internal', `team "${this.name}" has no member "${label}"`);
    return found;
  }

  /**
   * Gives a member something to do, as a child run. Failure and used-up limits are a report. Must be called in an
   * order that is the same on each execution, since the limit of runs counts calls.
   */
  async ask(member: Delegate, input: Json, key: string): Promise<ChildReport> {
    const place = this.#runs.push(undefined) - 1;
    const { maxDelegations } = this.spec.limits;
    const refusal =
      place >= maxDelegations
        ? `${maxDelegations} runs of members are used up (limits.maxDelegations)`
        : await this.#overBudget(key);
    const report =
      refusal === undefined
        ? await runChild(this.context, key, { kind: member.kind, name: member.name }, input)
        : refused(refusal);
    this.spending.add(report.usage);
    this.#runs[place] = {
      name: member.label,
      run_id: report.runId,
      status: report.status,
      cost_usd: report.usage.costUsd,
      ...(report.error === null ? {} : { error: `${report.error.code}: ${report.error.message}` }),
    };
    return report;
  }

  /** The team's part of a run's output. */
  report(more: Omit<TeamOutput['team'], 'mode' | 'spent'> = {}): Pick<TeamOutput, 'team' | 'members'> {
    const spent = this.spending.report;
    return {
      team: { mode: this.spec.mode, ...more, ...(spent === undefined ? {} : { spent }) },
      members: this.memberRuns,
    };
  }

  /** Decided once and journaled: with several members at work, what was spent when differs between executions. */
  #overBudget(key: string): Promise<string | undefined> {
    if (this.spec.limits.budgetUsd === undefined) return Promise.resolve(undefined);
    return this.context
      .step<string | null>(
        `budget:${key}`,
        'compute',
        () => Promise.resolve(this.spending.exhausted ?? null),
        { input: null },
      )
      .then((reason) => reason ?? undefined);
  }
}

function refused(message: string): ChildReport {
  const error: SerializedError = { code: 'limit_exceeded', message, retryable: false };
  return { runId: null, status: 'failed', output: null, usage: noUsage, error };
}

/** The error with which a team fails since a member did. */
export function memberError(member: Delegate, report: ChildReport): AppError {
  const { error, status } = report;
  if (error === null)
    return new AppError(
      status === 'timeout' ? 'timeout' : 'upstream_error',
      `member "${member.label}" ended as ${status}`,
    );
  // The path of runs that are nested too deep names this team already.
  const named = Array.isArray(error.details?.['path'])
    ? error.message
    : `member "${member.label}": ${error.message}`;
  return new AppError(error.code === 'cancelled' ? 'upstream_error' : error.code, named, {
    retryable: error.retryable,
    details: { ...error.details, member: member.label, member_run_id: report.runId },
  });
}
