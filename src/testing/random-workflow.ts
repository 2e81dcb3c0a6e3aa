/** How a step of a random graph was drawn. */
export interface DrawnStep {
  readonly picks: readonly number[];
  readonly does: RandomStep['does'];
  readonly after: 'fail' | 'continue' | 'goto';
  readonly goto: number;
}

/** A step of a random graph: what it follows, what it does, what its failure means. */
export interface RandomStep {
  readonly follows: readonly number[];
  readonly does: 'succeed' | 'fail' | 'skip' | 'fail-once';
  readonly onError: 'fail' | 'continue' | number;
}

/** A graph without cycles: a step follows only those before it, and goes only to one behind it. */
export function randomGraphOf(drawn: readonly DrawnStep[]): readonly RandomStep[] {
  return drawn.map(({ picks, does, after, goto }, place) => ({
    follows: place === 0 ? [] : [...new Set(picks.map((pick) => pick % place))],
    does,
    onError:
      after !== 'goto'
        ? after
        : place === drawn.length - 1
          ? 'continue'
          : place + 1 + (goto % (drawn.length - place - 1)),
  }));
}

/** The rules of the graph, once more, as simply as they can be said: one step after the other, no time, no crash. */
export function interpret(graph: readonly RandomStep[]): readonly string[] {
  const status: string[] = [];
  for (const [place, step] of graph.entries()) {
    const sources = graph.flatMap((other, at) => (other.onError === place ? [at] : []));
    const is = (at: number, what: string): boolean => status[at] === what;
    const goes = sources.some((at) => is(at, 'failed'));
    const cause = (at: number): boolean =>
      is(at, 'cancelled') || (is(at, 'failed') && graph[at]?.onError === 'fail');
    const wentElsewhere = (at: number): boolean => is(at, 'failed') && typeof graph[at]?.onError === 'number';
    const recovered = (at: number): boolean => {
      const handler = graph[at]?.onError;
      return typeof handler === 'number' && step.follows.includes(handler) && is(handler, 'completed');
    };
    let runs = goes;
    if (!goes) {
      if ([...step.follows, ...sources].some(cause)) {
        status.push('cancelled');
        continue;
      }
      if (step.follows.length === 0) runs = sources.length === 0;
      else if (step.follows.some((at) => wentElsewhere(at) && !recovered(at))) runs = false;
      else runs = step.follows.some((at) => !is(at, 'skipped') && !wentElsewhere(at));
    }
    if (!runs || step.does === 'skip') status.push('skipped');
    else status.push(step.does === 'fail' ? 'failed' : 'completed');
  }
  return status;
}
