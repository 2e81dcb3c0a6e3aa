import { AppError } from '../../base/index.ts';
import { decide, type FollowedStep } from './decide.ts';
import { firstFailure, type BodyOutcome, type RunBody, type StepFailure } from './execution.ts';
import type { Node } from './program.ts';
import { runStep } from './run-step.ts';
import type { StepResult } from './run-values.ts';
import { Slots } from './slots.ts';
import { StepSite } from './step-site.ts';

/**
 * Does the steps of a body, each as soon as all that it follows is final. Every step and every edge is looked at once.
 * Resolves when all steps are final; rejects with what ends the execution.
 */
export const runBody: RunBody = (execution, frame, stop, concurrency) =>
  new Promise<BodyOutcome>((resolve, reject) => {
    const { nodes } = frame.body;
    const slots = concurrency === undefined ? undefined : new Slots(concurrency);
    const unmet = nodes.map((node) => new Set([...node.dependencies, ...node.handles]).size);
    const ready: number[] = nodes.filter((_, place) => unmet[place] === 0).map((node) => node.place);
    const failures: StepFailure[] = [];
    let head = 0;
    let open = nodes.length;
    let cancelled = false;

    const followed = (place: number): FollowedStep => {
      const result = frame.results[place];
      if (result === undefined) throw new AppError('internal', 'a step was decided before what it follows');
      return { state: result.state, goesTo: nodes[place]?.goesTo };
    };

    const settle = (node: Node, result: StepResult, key: string): void => {
      frame.results[node.place] = result;
      open -= 1;
      const { state } = result;
      if (state.status === 'cancelled') cancelled = true;
      if (state.status === 'failed' && state.after === 'fail')
        failures.push({ key, rank: [node.rank], error: state.error });
      for (const place of node.downstream) {
        unmet[place] = (unmet[place] ?? 0) - 1;
        if (unmet[place] === 0) ready.push(place);
      }
    };

    const begin = async (site: StepSite): Promise<StepResult> => {
      if (slots === undefined) return runStep(site);
      if (!slots.tryTake()) await slots.take();
      try {
        return await runStep(site);
      } finally {
        slots.release();
      }
    };

    const pump = (): void => {
      while (head < ready.length) {
        const node = nodes[ready[head] ?? 0];
        head += 1;
        if (node === undefined) continue;
        const decision = decide(node, followed);
        const error = decision.kind === 'run' ? decision.error : undefined;
        const site = new StepSite({ execution, frame, node, stop, error });
        if (decision.kind === 'run') {
          begin(site).then(
            (result) => {
              settle(node, result, site.key);
              pump();
            },
            (failure: unknown) => reject(failure as Error),
          );
          continue;
        }
        const result = site.end(
          decision.kind === 'cancel' ? { type: 'cancelled' } : { type: 'skipped', reason: decision.reason },
        );
        settle(node, result, site.key);
      }
      if (open === 0) resolve({ failure: firstFailure(failures), cancelled });
    };
    pump();
  });
