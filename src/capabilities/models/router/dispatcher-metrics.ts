import type { Usage } from '../../../protocol/index.ts';
import type { Metrics } from '../../../platform/observability/index.ts';
import type { Deployment } from './deployment.ts';

/** The instruments that dispatching writes to. */
export type DispatcherInstruments = Pick<
  Metrics,
  | 'modelRequests'
  | 'modelDuration'
  | 'modelFirstToken'
  | 'modelTokens'
  | 'modelCost'
  | 'modelFallbacks'
  | 'modelPicks'
  | 'modelRetries'
  | 'modelCooldowns'
  | 'modelsCooling'
>;

/** More different names than this are counted under one, as callers may invent models of a provider. */
const mostNames = 500;
const otherName = 'other';

/** What came of an attempt, for its instruments. */
export interface MeasuredAttempt {
  readonly deployment: Deployment;
  readonly provider: string;
  readonly status: string;
  readonly durationMs: number;
  readonly usage: Usage | undefined;
}

/** Writes the instruments with labels that stay bounded. */
export class DispatcherMetrics {
  readonly #instruments: DispatcherInstruments;
  readonly #names = new Set<string>();

  constructor(instruments: DispatcherInstruments) {
    this.#instruments = instruments;
  }

  picked(group: string, deployment: string): void {
    this.#instruments.modelPicks.inc({ group: this.#bounded(group), deployment: this.#bounded(deployment) });
  }

  firstToken(provider: string, model: string, milliseconds: number): void {
    this.#instruments.modelFirstToken.observe({ provider, model: this.#bounded(model) }, milliseconds / 1000);
  }

  ended({ deployment, provider, status, durationMs, usage }: MeasuredAttempt): void {
    const labels = { provider, model: this.#bounded(deployment.model) };
    this.#instruments.modelRequests.inc({ ...labels, status });
    this.#instruments.modelDuration.observe(labels, durationMs / 1000);
    if (usage === undefined) return;
    this.#instruments.modelTokens.inc({ ...labels, type: 'input' }, usage.inputTokens);
    this.#instruments.modelTokens.inc({ ...labels, type: 'output' }, usage.outputTokens);
    if (usage.costUsd !== null) this.#instruments.modelCost.inc(labels, usage.costUsd);
  }

  retried(group: string, reason: string): void {
    this.#instruments.modelRetries.inc({ group: this.#bounded(group), reason });
  }

  fellBack(from: string, to: string): void {
    this.#instruments.modelFallbacks.inc({ from: this.#bounded(from), to: this.#bounded(to) });
  }

  cooled(group: string, deployment: string, reason: string): void {
    this.#instruments.modelCooldowns.inc({
      group: this.#bounded(group),
      deployment: this.#bounded(deployment),
      reason,
    });
  }

  /** So many deployments rest, or have not proven well again. */
  cooling(count: number): void {
    this.#instruments.modelsCooling.set(count);
  }

  #bounded(name: string): string {
    if (this.#names.has(name)) return name;
    if (this.#names.size >= mostNames) return otherName;
    this.#names.add(name);
    return name;
  }
}
