import { z } from 'zod';
import type { RunGraph, RunGraphNode } from '../../engine/runs/index.ts';

const time = z.string().nullable().describe('ISO 8601, UTC.');

const wireNode = z.object({
  id: z.string(),
  label: z.string(),
  kind: z.string().describe('Kind of step (model, tool, run, approval, …) or action of a workflow.'),
  status: z.enum(['pending', 'running', 'waiting', 'completed', 'failed', 'skipped', 'cancelled']),
  started_at: time,
  ended_at: time,
  attempts: z.number(),
  run_id: z.string().optional().describe('The child run that does it.'),
});

/** Fields of a graph, of a run or of a definition. */
export const wireGraphParts = {
  nodes: z.array(wireNode),
  edges: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      kind: z
        .string()
        .describe('then: comes after. on_error: comes after a failure. contains: a group and a step in it.'),
    }),
  ),
};

function nodeToWire(node: RunGraphNode): z.output<typeof wireNode> {
  return {
    id: node.id,
    label: node.label,
    kind: node.kind,
    status: node.status,
    started_at: node.startedAt,
    ended_at: node.endedAt,
    attempts: node.attempts,
    ...(node.runId === null ? {} : { run_id: node.runId }),
  };
}

/** A graph as it is sent. */
export function graphToWire({ nodes, edges }: RunGraph) {
  return { nodes: nodes.map(nodeToWire), edges: [...edges] };
}
