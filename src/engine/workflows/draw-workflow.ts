import type { WorkflowStep } from '../../protocol/index.ts';
import type { PlannedStep, WorkflowPlan } from './plan-workflow.ts';

const longestShown = 60;

const shorten = (text: string): string => {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length > longestShown ? `${line.slice(0, longestShown - 1)}…` : line;
};

/** What a step has that one has to know to follow the graph. */
function notesOf(step: WorkflowStep): readonly string[] {
  const notes: string[] = [];
  if (step.when !== undefined) notes.push(`when ${shorten(String(step.when))}`);
  if (step.forEach !== undefined) {
    const { items, as } = step.forEach;
    notes.push(`for each ${as} of ${typeof items === 'string' ? shorten(items) : `${items.length}`}`);
  }
  if (step.repeatUntil !== undefined) notes.push(`until ${shorten(step.repeatUntil.condition)}`);
  if (step.approval !== undefined) notes.push('approval');
  if (step.retry !== undefined && step.retry.attempts > 1) notes.push(`${step.retry.attempts} tries`);
  if (step.onError === 'continue') notes.push('goes on after an error');
  return notes;
}

const titleOf = (step: WorkflowStep): string =>
  step.name === undefined ? step.id : `${step.id}: ${step.name}`;

/** Text that Mermaid takes as it is: its own signs as entities. */
function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('#', '&num;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('`', '&grave;');
}

/** Mermaid knows words such as `end`, so that no id stands alone. */
const nodeOf = (id: string): string => `step_${id.replaceAll('-', '__')}`;

interface Level {
  readonly group: string | null;
  readonly branch: 'steps' | 'else';
}

function childrenOf(plan: WorkflowPlan, level: Level): readonly PlannedStep[] {
  return plan.order.flatMap((id) => {
    const planned = plan.steps.get(id);
    if (planned === undefined || (planned.group?.id ?? null) !== level.group) return [];
    return planned.group === null || planned.group.branch === level.branch ? [planned] : [];
  });
}

function mermaidNode({ step, entries }: PlannedStep): string {
  const label = [titleOf(step), step.action, ...notesOf(step)].map((line) => escape(line)).join('<br/>');
  const [open, close] =
    step.approval !== undefined || step.action === 'approval'
      ? ['[/', '/]']
      : entries.length > 0
        ? ['([', '])']
        : ['[', ']'];
  return `${nodeOf(step.id)}${open}"${label}"${close}`;
}

/** The graph as a Mermaid flowchart: groups are boxes, `goto` is dashed. */
export function toMermaid(plan: WorkflowPlan): string {
  const lines = ['flowchart TD'];
  const inner = new Map<string | null, PlannedStep[]>();
  for (const id of plan.order) {
    const planned = plan.steps.get(id);
    if (planned === undefined) continue;
    const group = planned.group?.id ?? null;
    const known = inner.get(group);
    if (known === undefined) inner.set(group, [planned]);
    else known.push(planned);
  }
  const write = (planned: PlannedStep, indent: string): void => {
    const { step } = planned;
    const children = inner.get(step.id) ?? [];
    if (children.length === 0) {
      lines.push(`${indent}${mermaidNode(planned)}`);
      return;
    }
    const title = [titleOf(step), step.action, ...notesOf(step)].map((line) => escape(line)).join(', ');
    lines.push(`${indent}subgraph ${nodeOf(step.id)}["${title}"]`);
    for (const branch of ['steps', 'else'] as const) {
      const of = children.filter((child) => child.group?.branch === branch);
      if (of.length === 0) continue;
      const boxed = step.action === 'conditional';
      if (boxed)
        lines.push(
          `${indent}  subgraph ${nodeOf(step.id)}_${branch}["${branch === 'steps' ? 'then' : 'else'}"]`,
        );
      for (const child of of) write(child, boxed ? `${indent}    ` : `${indent}  `);
      if (boxed) lines.push(`${indent}  end`);
    }
    lines.push(`${indent}end`);
  };
  for (const planned of inner.get(null) ?? []) write(planned, '  ');
  for (const id of plan.order) {
    const planned = plan.steps.get(id);
    for (const first of planned?.dependencies ?? []) lines.push(`  ${nodeOf(first)} --> ${nodeOf(id)}`);
    for (const from of planned?.entries ?? []) lines.push(`  ${nodeOf(from)} -. on error .-> ${nodeOf(id)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Steps in stages: each stage has what can be done once those before it are. */
function stagesOf(steps: readonly PlannedStep[]): readonly (readonly PlannedStep[])[] {
  const stage = new Map<string, number>();
  const stages: PlannedStep[][] = [];
  for (const planned of steps) {
    let at = 0;
    for (const first of [...planned.dependencies, ...planned.entries])
      at = Math.max(at, (stage.get(first) ?? -1) + 1);
    stage.set(planned.step.id, at);
    (stages[at] ??= []).push(planned);
  }
  return stages;
}

/** The graph as plain text: stages one below the other, groups indented. */
export function toTerminal(plan: WorkflowPlan): string {
  const lines: string[] = [];
  const write = (level: Level, indent: string): void => {
    const stages = stagesOf(childrenOf(plan, level));
    for (const [index, stage] of stages.entries()) {
      for (const { step, dependencies, entries } of stage) {
        const after = dependencies.length > 0 ? `  ← ${dependencies.join(', ')}` : '';
        const entered = entries.length > 0 ? `  ⇠ on error of ${entries.join(', ')}` : '';
        const notes = notesOf(step)
          .map((note) => `  [${note}]`)
          .join('');
        const number = stages.length > 1 ? `${index + 1}. ` : '';
        lines.push(`${indent}${number}${titleOf(step)} (${step.action})${notes}${after}${entered}`);
        const deeper = `${indent}${' '.repeat(number.length + 2)}`;
        for (const branch of ['steps', 'else'] as const) {
          if ((step[branch] ?? []).length === 0) continue;
          if (step.action === 'conditional') lines.push(`${deeper}${branch === 'steps' ? 'then' : 'else'}`);
          write({ group: step.id, branch }, step.action === 'conditional' ? `${deeper}  ` : deeper);
        }
      }
    }
  };
  write({ group: null, branch: 'steps' }, '');
  return `${lines.join('\n')}\n`;
}
