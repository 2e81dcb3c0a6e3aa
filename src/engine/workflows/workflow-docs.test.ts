import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { schemaFaults } from '../../capabilities/tools/index.ts';
import { openWorkflow, workflowOf } from '../../testing/workflow-ground.ts';
import { parseDefinitions } from '../definitions/index.ts';
import { transitions } from './step-state.ts';

const page = await readFile(new URL('../../../docs/workflows.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
const sections = page
  .split(/^### /m)
  .slice(1)
  .map((text) => {
    const name = /^`([a-z_]+)`/.exec(text)?.[1] ?? '';
    return {
      name,
      text: text.split(/^## /m)[0] ?? '',
      example: /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? '',
    };
  });
const { actions: registry } = await openWorkflow('steps: [{id: a, action: set_state, inputs: {values: {}}}]');

describe('docs/workflows.md', () => {
  it('has definitions that are valid', async () => {
    const whole = examples.filter((text) => text.startsWith('apiVersion'));
    expect(whole).toHaveLength(2);
    for (const text of whole) {
      const { definitions, problems } = parseDefinitions('docs.yaml', text);
      expect(problems).toEqual([]);
      const [definition] = definitions;
      if (definition?.kind !== 'Workflow') throw new Error('expected a workflow');
      await openWorkflow(definition);
    }
  });

  it('describes every action, and no other', () => {
    expect(sections.map((section) => section.name).toSorted()).toEqual(
      registry.list().map((action) => action.name),
    );
  });

  it.each(sections)(
    'has an example of $name that is valid, and names all its inputs',
    async ({ name, text, example }) => {
      const step = example.trim().replaceAll(/^/gm, '  ').replace(/^ {2}/, '- ');
      const definition = workflowOf(`inputs: {text: string}\nsteps:\n${step.replaceAll(/^/gm, '  ')}`);
      const [first] = definition.spec.steps;
      expect(first?.action).toBe(name);
      await openWorkflow(definition, { text: 'x' });
      const action = registry.get(name);
      expect(schemaFaults(action.inputs, first?.inputs)).toEqual([]);
      const fields = Object.keys((action.inputs['properties'] ?? {}) as object);
      expect(fields.filter((field) => !text.includes(`\`${field}\``))).toEqual([]);
    },
  );

  it('has the table of states that holds', () => {
    const rows = [...page.matchAll(/^\| `(pending|ready|running|waiting)` \|(.*)\|$/gm)];
    const events = ['met', 'started', 'waits', 'completed', 'skipped', 'failed', 'cancelled'];
    expect(rows).toHaveLength(4);
    for (const [, state = '', cells = ''] of rows) {
      const may = events.filter((_, at) => cells.split('|')[at]?.trim() !== '–');
      expect(may).toEqual([...transitions[state as 'pending']]);
    }
  });
});
