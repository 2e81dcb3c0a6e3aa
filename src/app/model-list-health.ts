import type { HealthReport } from '../base/index.ts';
import type { DefinitionProblem } from '../engine/definitions/index.ts';

const concernsModels = ({ file }: DefinitionProblem): boolean =>
  /^agent33\.ya?ml$/.test(file) || file === 'models' || file.startsWith('models/');

const placeOf = ({ file, line, column, message }: DefinitionProblem): string =>
  `${[file, line, column].filter((one) => one !== undefined).join(':')} ${message}`;

/** Is all in force that the project's files say about models? `faults`: those of the list as a whole. */
export function modelListHealth(
  problems: readonly DefinitionProblem[],
  faults: readonly DefinitionProblem[],
): HealthReport {
  const found = [...problems.filter(concernsModels), ...faults];
  const [first] = found;
  if (first === undefined) return { status: 'ok' };
  const more = found.length === 1 ? '' : `, and ${found.length - 1} more`;
  return { status: 'degraded', detail: `${placeOf(first)}${more}`, metrics: { faults: found.length } };
}
