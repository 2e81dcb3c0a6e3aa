import { adminKey, type CrashGround } from './crash-ground.ts';

const definition = (kind: string, name: string, spec: unknown): string =>
  JSON.stringify({ apiVersion: 'agent33/v1', kind, metadata: { name }, spec });

const effect = (id: string, more: object = {}) => ({
  id,
  action: 'call_tool',
  inputs: { tool: 'effect' },
  ...more,
});

/** A workflow with parallel branches, a loop, an agent, a child workflow, a timer and an approval. */
export const tourFiles: Readonly<Record<string, string>> = {
  'workflows/inner.json': definition('Workflow', 'inner', {
    inputs: { text: 'string' },
    steps: [
      effect('first'),
      { id: 'pause', action: 'wait', dependsOn: ['first'], inputs: { duration: '20ms' } },
      effect('second', { dependsOn: ['pause'] }),
    ],
    outputs: { text: 'inner of {{ inputs.text }}' },
  }),
  'workflows/tour.json': definition('Workflow', 'tour', {
    inputs: { text: 'string' },
    steps: [
      effect('left'),
      { id: 'agent', action: 'invoke_agent', inputs: { agent: 'worker', message: '{{ inputs.text }}' } },
      {
        id: 'loop',
        action: 'transform',
        forEach: { items: [1, 2, 3, 4], concurrency: 2 },
        inputs: { expression: '{{ item * item }}' },
      },
      effect('effects', { forEach: '{{ steps.loop.output }}' }),
      { id: 'pause', action: 'wait', dependsOn: ['left'], inputs: { duration: '50ms' } },
      {
        id: 'child',
        action: 'run_workflow',
        dependsOn: ['pause'],
        inputs: { workflow: 'inner', inputs: { text: '{{ inputs.text }}' } },
      },
      {
        id: 'ask',
        action: 'approval',
        dependsOn: ['effects'],
        inputs: { title: 'Go on with {{ inputs.text }}?' },
      },
      effect('last', { dependsOn: ['ask', 'child', 'agent'] }),
    ],
    outputs: {
      answer: '{{ steps.agent.output.text }}',
      loop: '{{ steps.loop.output }}',
      inner: '{{ steps.child.output.text }}',
      approvedBy: '{{ steps.ask.output.decided_by }}',
    },
  }),
};

interface RunOfTour {
  readonly id: string;
  readonly status: string;
  readonly output: unknown;
  readonly error: unknown;
}

/** Starts tours and says yes to what they ask, however often the server goes away meanwhile. */
export class TourGuide {
  /** left, worker's tool, four in the loop, two of the inner workflow, last. */
  readonly effectsPerTour = 9;
  readonly #world: CrashGround;

  constructor(world: CrashGround) {
    this.#world = world;
  }

  /** Resolves when the tour is accepted; the same text twice is the same tour. */
  async begin(text: string): Promise<string> {
    const accepted = await this.#ask('POST', '/api/v1/workflows/tour/execute', {
      body: { inputs: { text }, wait: false },
      key: text,
    });
    return (accepted as { run_id: string }).run_id;
  }

  async untilEnded(text: string): Promise<RunOfTour> {
    const id = await this.begin(text);
    for (const until = Date.now() + 60_000; Date.now() < until;) {
      const run = (await this.#ask('GET', `/api/v1/runs/${id}`)) as RunOfTour;
      if (!['queued', 'running', 'waiting'].includes(run.status)) return run;
      const { items } = (await this.#ask('GET', `/api/v1/approvals?status=pending&run_id=${id}`)) as {
        items: { id: string }[];
      };
      for (const approval of items)
        await this.#ask('POST', `/api/v1/approvals/${approval.id}/decision`, {
          body: { decision: 'approve' },
        });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`tour "${text}" did not end`);
  }

  /** Asks until there is an answer: a server that is down is asked again. */
  async #ask(
    method: string,
    address: string,
    options: { body?: unknown; key?: string } = {},
  ): Promise<unknown> {
    for (const until = Date.now() + 60_000; ;) {
      try {
        const response = await fetch(new URL(address, this.#world.url), {
          method,
          headers: {
            'x-api-key': adminKey,
            ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(options.key === undefined ? {} : { 'idempotency-key': options.key }),
          },
          ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
          signal: AbortSignal.timeout(10_000),
        });
        const body: unknown = await response.json();
        if (response.status < 300) return body;
        if (response.status !== 503)
          throw new Error(`${method} ${address}: ${response.status} ${JSON.stringify(body)}`);
      } catch (error) {
        const isAway =
          error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError');
        if (!isAway || Date.now() > until) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
