import { isJsonObject } from '../../../../base/index.ts';
import { placeText, type Location } from '../location.ts';
import type { Fields } from './litellm-fields.ts';
import type { Section } from './litellm-files.ts';

/** What to do instead, for what LiteLLM has and this reader does not take over. */
const instead: Readonly<Record<string, string>> = {
  'general_settings.master_key': 'keys are made with "agent33 keys create"',
  'general_settings.database_url': 'set DATABASE_URL',
  'general_settings.completion_model': 'write it as spec.models.default in agent33.yaml',
  'general_settings.max_parallel_requests': 'write limits in agent33.yaml',
  'general_settings.global_max_parallel_requests': 'write limits in agent33.yaml',
  'litellm_settings.cache': 'write spec.models.cache in agent33.yaml',
  'litellm_settings.cache_params': 'write spec.models.cache in agent33.yaml',
  'litellm_settings.max_budget': 'write limits in agent33.yaml',
  'litellm_settings.budget_duration': 'write limits in agent33.yaml',
  'litellm_settings.json_logs': 'logs are JSON already',
  'router_settings.redis_url': 'set REDIS_URL',
  'router_settings.redis_host': 'set REDIS_URL',
  'router_settings.redis_port': 'set REDIS_URL',
  'router_settings.redis_password': 'set REDIS_URL',
  'router_settings.provider_budget_config': 'write max_budget and budget_duration at the deployments',
};

const read = new Set([
  'model_list',
  'router_settings',
  'litellm_settings',
  'environment_variables',
  'credential_list',
]);

/** Is nothing of this section of the file read? */
export const skippedSection = (name: string): boolean => !read.has(name);

/** One note for everything of a section that is not used and has no counterpart, one for each thing that has. */
function notesOf(
  name: string,
  at: (path: readonly PropertyKey[]) => Location,
  keys: readonly string[],
): readonly string[] {
  const byHint = Map.groupBy(keys, (key) => instead[`${name}.${key}`] ?? '');
  return [...byHint].map(([hint, same]) => {
    const place = placeText(at(same.slice(0, 1)));
    return `${place}: ${name}: ${same.join(', ')} not used${hint === '' ? '' : `; ${hint}`}`;
  });
}

/** What of a section that was read nobody took. */
export const unusedNotes = (name: string, fields: Fields): readonly string[] =>
  notesOf(name, fields.at, fields.rest());

/** The notes of a section that is not read at all. */
export function sectionNotes(name: string, { value, at }: Section): readonly string[] {
  if (value === null) return [];
  return isJsonObject(value)
    ? notesOf(name, at, Object.keys(value))
    : [`${placeText(at([]))}: ${name} not used`];
}
