import { beforeAll, expect, it } from 'vitest';
import { workflowDefinition } from '../../protocol/index.ts';
import { createExpressions, type Expressions } from '../expressions/index.ts';
import { toMermaid, toTerminal } from './draw-workflow.ts';
import { planWorkflow } from './plan-workflow.ts';

let expressions: Expressions;
beforeAll(async () => {
  expressions = await createExpressions();
});

const planOf = (steps: readonly unknown[]) =>
  planWorkflow(
    workflowDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Workflow',
      metadata: { name: 'w' },
      spec: { steps },
    }).spec,
    expressions,
  ).plan;

const sample = () =>
  planOf([
    { id: 'fetch', action: 'http_request', retry: 3, onError: 'goto: help' },
    { id: 'help', name: 'Say "sorry" <b>', action: 'emit_output' },
    { id: 'each', action: 'transform', forEach: '{{ steps.fetch.output.items }}', when: 'inputs.n > 3' },
    {
      id: 'end',
      action: 'conditional',
      inputs: { condition: 'steps.each.status == "completed"' },
      steps: [
        { id: 'ask-lead', action: 'approval' },
        { id: 'send', action: 'run_command', dependsOn: ['ask-lead'], approval: true },
      ],
      else: [{ id: 'log', action: 'set_state', onError: 'continue' }],
    },
  ]);

it('draws a flowchart for Mermaid', () => {
  expect(toMermaid(sample())).toBe(`flowchart TD
  step_fetch["fetch<br/>http_request<br/>3 tries"]
  step_help(["help: Say &quot;sorry&quot; &lt;b&gt;<br/>emit_output"])
  step_each["each<br/>transform<br/>when inputs.n &gt; 3<br/>for each item of {{ steps.fetch.output.items }}"]
  subgraph step_end["end, conditional"]
    subgraph step_end_steps["then"]
      step_ask__lead[/"ask-lead<br/>approval"/]
      step_send[/"send<br/>run_command<br/>approval"/]
    end
    subgraph step_end_else["else"]
      step_log["log<br/>set_state<br/>goes on after an error"]
    end
  end
  step_fetch -. on error .-> step_help
  step_fetch --> step_each
  step_each --> step_end
  step_ask__lead --> step_send
`);
});

it('draws stages for a terminal', () => {
  expect(toTerminal(sample())).toBe(`1. fetch (http_request)  [3 tries]
2. help: Say "sorry" <b> (emit_output)  ⇠ on error of fetch
2. each (transform)  [when inputs.n > 3]  [for each item of {{ steps.fetch.output.items }}]  ← fetch
3. end (conditional)  ← each
     then
       1. ask-lead (approval)
       2. send (run_command)  [approval]  ← ask-lead
     else
       log (set_state)  [goes on after an error]
`);
});

it('draws 10,000 steps', () => {
  const plan = planOf(
    Array.from({ length: 10_000 }, (_one, index) => ({
      id: `s${index}`,
      action: 'transform',
      dependsOn: index === 0 ? [] : [`s${index - 1}`],
    })),
  );
  expect(toMermaid(plan).split('\n')).toHaveLength(20_001);
  expect(toTerminal(plan).split('\n')).toHaveLength(10_001);
});
