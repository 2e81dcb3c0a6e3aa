import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadProject } from '../definitions/index.ts';
import { createReferenceCheck } from './check-references.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'references-'));
});
afterEach(() => rm(dir, { recursive: true }));

const head = (kind: string, name: string): string =>
  `apiVersion: agent33/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:\n`;

/** Faults of a project of these files, by folder and name. */
async function faultsOf(files: Readonly<Record<string, string>>) {
  for (const [name, body] of Object.entries(files)) {
    const [folder = '', base = ''] = name.split('/');
    await mkdir(path.join(dir, folder), { recursive: true });
    const kind = `${folder[0]?.toUpperCase()}${folder.slice(1, -1)}`;
    await writeFile(path.join(dir, folder, `${base}.yaml`), head(kind, base) + body);
  }
  const references = [createReferenceCheck({ tools: () => ['web_fetch', 'calculator'] })];
  const { problems } = await loadProject(dir, { references });
  return problems.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`);
}

const agent = '  instructions: hello\n';
const step = (id: string, action: string, inputs: string, more = ''): string =>
  `    - id: ${id}\n      action: ${action}\n      inputs: { ${inputs} }\n${more}`;
const runs = (name: string, more = ''): string =>
  `  steps:\n${step('a', 'run_workflow', `workflow: ${name}`, more)}`;

describe('names that nothing has', () => {
  it('are told in workflows, with the nearest, unless an expression makes them', async () => {
    const steps = [
      step('a', 'invoke_agent', 'agent: writter, message: x'),
      step('b', 'invoke_team', 'team: desc, message: x'),
      step('c', 'run_workflow', 'workflow: other'),
      step('d', 'call_tool', 'tool: calculater'),
      step('e', 'invoke_agent', 'agent: "{{ inputs.name }}", message: x'),
      '    - id: g\n      action: parallel_group\n      steps:\n        - { id: h, action: invoke_agent, inputs: { agent: reader, message: x } }\n',
    ];
    expect(await faultsOf({ 'agents/writer': agent, 'workflows/w': `  steps:\n${steps.join('')}` })).toEqual([
      'workflows/w.yaml:8:24 there is no agent "writter" — did you mean "writer"?',
      'workflows/w.yaml:11:23 there is no team "desc"',
      'workflows/w.yaml:14:27 there is no workflow "other"',
      'workflows/w.yaml:24:59 there is no agent "reader"',
      'workflows/w.yaml:17:23 there is no tool "calculater" — did you mean "calculator"?',
    ]);
  });

  it('are told in teams, agents, schedules and sensors', async () => {
    const faults = await faultsOf({
      'agents/lead': '  delegates: [{ agent: nobody }, { workflow: nothing }]\n',
      'teams/desk': '  mode: route\n  members: [lead, { team: leed }]\n  lead: lede\n',
      'schedules/nightly': '  every: 1h\n  start: { workflow: report }\n',
      'sensors/inbox': '  type: event\n  start: { team: dask }\n',
    });
    expect(faults).toEqual([
      'agents/lead.yaml:5:24 there is no agent "nobody"',
      'agents/lead.yaml:5:46 there is no workflow "nothing"',
      'teams/desk.yaml:6:27 there is no team "leed"',
      'teams/desk.yaml:7:9 there is no agent "lede" — did you mean "lead"?',
      'schedules/nightly.yaml:6:22 there is no workflow "report"',
      'sensors/inbox.yaml:6:18 there is no team "dask" — did you mean "desk"?',
    ]);
  });
});

it('calls of workflows fit what those take', async () => {
  const called = '  inputs: { topic: string, depth: { type: integer, default: 1 } }\n  steps: []\n';
  const calls = [
    step('a', 'run_workflow', 'workflow: report, inputs: { topik: x }'),
    step('b', 'run_workflow', 'workflow: report, inputs: { topic: "{{ inputs.x }}", depth: deep }'),
    step('c', 'run_workflow', 'workflow: report, inputs: { topic: y, depth: 2 }'),
  ];
  expect(
    await faultsOf({ 'workflows/report': called, 'workflows/w': `  steps:\n${calls.join('')}` }),
  ).toEqual([
    'workflows/w.yaml:8:43 the input "topic" is missing',
    'workflows/w.yaml:8:52 there is no input "topik" — did you mean "topic"?',
    'workflows/w.yaml:11:77 expected integer, found string',
  ]);
});

describe('definitions that start each other', () => {
  it('without end are told once, as a path', async () => {
    expect(
      await faultsOf({ 'workflows/a': runs('b'), 'workflows/b': runs('c'), 'workflows/c': runs('a') }),
    ).toEqual(['workflows/a.yaml:8:27 this has no end, each starts the next in any case: a → b → c → a']);
  });

  it('may be one that starts itself, or teams, also in a group', async () => {
    const own = `  steps:\n    - id: g\n      action: parallel_group\n      steps:\n        - { id: a, action: run_workflow, inputs: { workflow: w } }\n`;
    const team = (name: string) => `  mode: collaborate\n  members: [{ team: ${name} }]\n`;
    expect(await faultsOf({ 'workflows/w': own, 'teams/x': team('y'), 'teams/y': team('x') })).toEqual([
      'teams/x.yaml:6:21 this has no end, each starts the next in any case: x → y → x',
      'workflows/w.yaml:9:62 this has no end, each starts the next in any case: w → w',
    ]);
  });

  it.each([
    ['a condition', runs('a', '      when: inputs.depth > 0\n')],
    ['a loop', runs('a', '      for_each: [1]\n')],
    ['a person', runs('a', '      approval: true\n')],
    [
      'a branch',
      `  steps:\n    - id: g\n      action: conditional\n      inputs: { condition: inputs.x }\n      steps:\n        - { id: a, action: run_workflow, inputs: { workflow: a } }\n`,
    ],
    [
      'a failure',
      `  steps:\n    - { id: b, action: emit_output, inputs: { values: {} }, on_error: "goto: a" }\n${step('a', 'run_workflow', 'workflow: a')}`,
    ],
  ])('are fine where %s decides', async (_name, body) => {
    expect(await faultsOf({ 'workflows/a': body })).toEqual([]);
  });
});
