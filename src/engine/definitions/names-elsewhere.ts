import type { DefinitionKind } from '../../protocol/index.ts';

/** What fields of workflows are called in other products. */
const ofWorkflows: ReadonlyMap<string, string> = new Map([
  ['needs', 'dependsOn'],
  ['after', 'dependsOn'],
  ['requires', 'dependsOn'],
  ['dependencies', 'dependsOn'],
  ['if', 'when'],
  ['condition', 'when'],
  ['uses', 'action'],
  ['type', 'action'],
  ['with', 'inputs'],
  ['params', 'inputs'],
  ['parameters', 'inputs'],
  ['arguments', 'inputs'],
  ['args', 'inputs'],
  ['loop', 'forEach'],
  ['items', 'forEach'],
  ['for-each', 'forEach'],
  ['until', 'repeatUntil'],
  ['retries', 'retry'],
  ['continue-on-error', 'onError'],
  ['timeout-minutes', 'timeout'],
  ['jobs', 'steps'],
  ['nodes', 'steps'],
  ['tasks', 'steps'],
  ['then', 'steps'],
  ['vars', 'variables'],
  ['env', 'variables'],
]);

const fieldsOfLoops: ReadonlyMap<string, string> = new Map([
  ['until', 'condition'],
  ['item', 'items'],
  ['in', 'items'],
  ['limit', 'maxIterations'],
]);

const ofSchedules: ReadonlyMap<string, string> = new Map([
  ['target', 'start'],
  ['run', 'start'],
  ['workflow', 'start'],
  ['schedule', 'cron'],
  ['tz', 'timeZone'],
]);

/** The field that has another name in other products, if it is one of those that may stand here. */
export function namesElsewhere(
  kind: DefinitionKind,
  name: string,
  fields: readonly string[],
): string | undefined {
  const names =
    kind === 'Workflow' ? [ofWorkflows.get(name), fieldsOfLoops.get(name)] : [ofSchedules.get(name)];
  if (kind !== 'Workflow' && kind !== 'Schedule') return undefined;
  return names.find((field) => field !== undefined && fields.includes(field));
}
