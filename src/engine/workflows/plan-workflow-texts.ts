import { isJsonObject, type Json } from '../../base/index.ts';
import type { WorkflowStep } from '../../protocol/index.ts';
import { asTemplate } from '../expressions/index.ts';

/** A text of a step that holds expressions. */
export interface StepText {
  /** As a template, also where a bare expression was written; of JSONata the expression itself. */
  readonly text: string;
  readonly form: 'template' | 'jsonata';
  /** Must it be one expression? Else it may be any text. */
  readonly bare: boolean;
  readonly path: readonly PropertyKey[];
  /** `before`: evaluated before the act. `after`: sees what the act gave. `undo`: once the workflow has failed. */
  readonly when: 'before' | 'after' | 'undo';
}

type Form = 'template' | 'bare' | 'jsonata';

/** Inputs of actions that evaluate expressions themselves, where those are no templates. */
const forms: Readonly<Record<string, Readonly<Record<string, Form>>>> = {
  conditional: { condition: 'bare' },
  transform: { expression: 'bare', jsonata: 'jsonata' },
  validate: { rules: 'bare' },
};

/** Keys of a rule of `validate` that are expressions. */
const ruleKeys = new Set(['condition', 'expression']);

/** All texts of a value that may hold expressions, with where they stand. */
export function textsIn(
  value: Json | undefined,
  path: readonly PropertyKey[],
  when: StepText['when'] = 'before',
): readonly StepText[] {
  if (typeof value === 'string')
    return value.includes('{{') || value.includes('{%')
      ? [{ text: value, form: 'template', bare: false, path, when }]
      : [];
  if (Array.isArray(value))
    return (value as readonly Json[]).flatMap((item, index) => textsIn(item, [...path, index], when));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => textsIn(item, [...path, key], when));
}

function bareText(
  value: unknown,
  path: readonly PropertyKey[],
  when: StepText['when'] = 'before',
): readonly StepText[] {
  if (typeof value !== 'string') return [];
  return [{ text: asTemplate(value), form: 'template', bare: true, path, when }];
}

function rules(value: unknown, path: readonly PropertyKey[], when: StepText['when']): readonly StepText[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly Json[]).flatMap((rule, index) =>
    isJsonObject(rule)
      ? Object.entries(rule).flatMap(([key, text]) =>
          ruleKeys.has(key) ? bareText(text, [...path, index, key], when) : [],
        )
      : [],
  );
}

/** The texts of an action's inputs. */
function inputTexts(
  action: string,
  inputs: WorkflowStep['inputs'],
  path: readonly PropertyKey[],
  when: StepText['when'],
): readonly StepText[] {
  const special = forms[action] ?? {};
  return Object.entries(inputs).flatMap(([key, value]): readonly StepText[] => {
    const place = [...path, key];
    const form = Object.hasOwn(special, key) ? special[key] : 'template';
    if (form === 'bare') return key === 'rules' ? rules(value, place, when) : bareText(value, place, when);
    if (form === 'jsonata')
      return typeof value === 'string'
        ? [{ text: value, form: 'jsonata', bare: true, path: place, when }]
        : [];
    return textsIn(value as Json, place, when);
  });
}

/** Every text of a step that holds expressions; those of inner steps are theirs. */
export function stepTexts(step: WorkflowStep, path: readonly PropertyKey[]): readonly StepText[] {
  const { forEach, repeatUntil, approval, compensate } = step;
  const items = forEach?.items;
  return [
    ...bareText(step.when, [...path, 'when']),
    ...(typeof items === 'string'
      ? bareText(items, [...path, 'forEach', 'items'])
      : textsIn(items as Json | undefined, [...path, 'forEach', 'items'])),
    ...inputTexts(step.action, step.inputs, [...path, 'inputs'], 'before'),
    ...(approval === undefined
      ? []
      : textsIn({ title: approval.title, message: approval.message }, [...path, 'approval'])),
    ...bareText(repeatUntil?.condition, [...path, 'repeatUntil', 'condition'], 'after'),
    ...(compensate === undefined
      ? []
      : inputTexts(compensate.action, compensate.inputs, [...path, 'compensate', 'inputs'], 'undo')),
  ];
}
