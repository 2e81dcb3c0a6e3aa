import { isJsonObject, type Environment, type Json, type JsonObject } from '../../../../base/index.ts';
import type { RouterSpec } from '../../../../protocol/index.ts';
import { placeText, type ModelListFault } from '../location.ts';
import type { ListedDeployment, ModelListPart } from '../model-list-part.ts';
import { readEntry } from './litellm-deployment.ts';
import { Fields, type ReadingNotes } from './litellm-fields.ts';
import { readLiteLlmFiles, type LiteLlmFiles, type Section } from './litellm-files.ts';
import { readRouter } from './litellm-router.ts';
import { sectionNotes, skippedSection, unusedNotes } from './litellm-unused.ts';

/** A LiteLLM configuration as a part of the model list. */
export interface ReadLiteLlm {
  readonly part: ModelListPart;
  /** The file itself cannot be read. */
  readonly faults: readonly ModelListFault[];
  /** Absolute paths of the files whose changes matter. */
  readonly files: readonly string[];
}

function fieldsOf(section: Section | undefined, name: string, reading: ReadingNotes): Fields | undefined {
  if (section === undefined || section.value === null) return undefined;
  if (isJsonObject(section.value)) return new Fields(section.value, (path = []) => section.at(path), reading);
  reading.notes.push(`${placeText(section.at([]))}: ${name} is not used: expected a map`);
  return undefined;
}

function variablesOf(fields: Fields | undefined): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const key of fields?.keys ?? []) {
    const value = fields?.plainText(key);
    if (value !== undefined) variables[key] = value;
  }
  return variables;
}

function credentialsOf(section: Section | undefined, reading: ReadingNotes): ReadonlyMap<string, JsonObject> {
  const credentials = new Map<string, JsonObject>();
  const list = Array.isArray(section?.value) ? (section.value as readonly Json[]) : [];
  for (const [index, one] of list.entries()) {
    const name = isJsonObject(one) ? one['credential_name'] : undefined;
    const values = isJsonObject(one) ? one['credential_values'] : undefined;
    if (typeof name === 'string' && isJsonObject(values)) credentials.set(name, values);
    else if (section !== undefined)
      reading.notes.push(
        `${placeText(section.at([index]))}: left out: expected credential_name and credential_values`,
      );
  }
  return credentials;
}

/** Where our words for the router's settings stand in the file. */
const routerFields: Readonly<Record<string, string>> = {
  strategy: 'routing_strategy',
  retries: 'num_retries',
  retryPolicy: 'retry_policy',
  groupRetryPolicies: 'model_group_retry_policy',
  allowedFails: 'allowed_fails',
  allowedFailsPolicy: 'allowed_fails_policy',
  cooldown: 'cooldown_time',
  disableCooldowns: 'disable_cooldowns',
  retryAfter: 'retry_after',
  contextWindowFallbacks: 'context_window_fallbacks',
  contentPolicyFallbacks: 'content_policy_fallbacks',
  defaultFallbacks: 'default_fallbacks',
  maxFallbacks: 'max_fallbacks',
  preCallChecks: 'enable_pre_call_checks',
  tagFiltering: 'enable_tag_filtering',
  tagMatch: 'tag_filtering_match_any',
  tagFailOpen: 'allow_fail_open',
};

/** What the files say, as a part of the model list. Never throws: what cannot be used is a note with its place. */
function partOf(
  files: LiteLlmFiles,
  options: {
    readonly file: string;
    readonly environment: Environment;
    readonly registered: readonly string[];
  },
): ModelListPart {
  const { file, registered } = options;
  const notes: string[] = files.notes.map((one) => `${placeText(one)}: ${one.message}`);
  const { sections } = files;
  const variables = variablesOf(
    fieldsOf(sections.get('environment_variables'), 'environment_variables', {
      notes,
      environment: options.environment,
    }),
  );
  const environment = { ...options.environment, ...variables };
  const reading: ReadingNotes = { notes, environment };
  const router = fieldsOf(sections.get('router_settings'), 'router_settings', reading);
  const settings = fieldsOf(sections.get('litellm_settings'), 'litellm_settings', reading);
  const { router: spec, aliases } = readRouter(router, settings);
  const own = router?.seconds('timeout');
  const request = settings?.seconds('request_timeout');
  const defaultParams = router?.take('default_litellm_params');
  const timeoutMs = own ?? request;
  const context = {
    ...reading,
    variables,
    registered,
    credentials: credentialsOf(sections.get('credential_list'), reading),
    defaults: {
      timeoutMs,
      streamTimeoutMs: router?.seconds('stream_timeout'),
      maxParallel: router?.integer('default_max_parallel_requests'),
      params: isJsonObject(defaultParams) ? defaultParams : {},
    },
  };
  const groups = new Map<string, ListedDeployment[]>();
  const groupTags: Record<string, NonNullable<RouterSpec['groupTags']>[string]> = {};
  // Whichever entry of a group says it says it for all of them.
  const addTags = (name: string, { filtering, failOpen }: (typeof groupTags)[string]): void => {
    if (filtering === undefined && failOpen === undefined) return;
    const { [name]: known = {} } = groupTags;
    groupTags[name] = { filtering: known.filtering ?? filtering, failOpen: known.failOpen ?? failOpen };
  };
  for (const models of files.models) {
    if (!Array.isArray(models.value)) {
      if (models.value !== null)
        notes.push(`${placeText(models.at([]))}: model_list is not used: expected a list`);
      continue;
    }
    for (const [index, entry] of (models.value as readonly Json[]).entries()) {
      if (!isJsonObject(entry)) {
        notes.push(`${placeText(models.at([index]))}: left out: an entry of model_list is a map`);
        continue;
      }
      const read = readEntry(new Fields(entry, (path = []) => models.at([index, ...path]), reading), context);
      if (read === undefined) continue;
      addTags(read.name, read.tags);
      groups.set(read.name, [...(groups.get(read.name) ?? []), read.listed]);
    }
  }
  for (const [name, section] of sections)
    if (skippedSection(name)) notes.push(...sectionNotes(name, section));
  for (const [name, fields] of [
    ['router_settings', router],
    ['litellm_settings', settings],
  ] as const)
    if (fields !== undefined) notes.push(...unusedNotes(name, fields));
  // Each attempt has that long; the whole call has it for every one of them.
  const attempts = (spec.retries ?? 2) + 1;
  return {
    file,
    groups,
    aliases,
    router: {
      ...spec,
      ...(Object.keys(groupTags).length === 0 ? {} : { groupTags }),
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs * attempts }),
    },
    at: ([section, ...path]) => {
      const [field, ...rest] = path;
      if (section !== 'router' || field === undefined) return { file };
      const name = routerFields[String(field)] ?? String(field);
      const place = router?.keys.includes(name) === true ? router : (settings ?? router);
      return place?.at([name, ...rest]) ?? { file };
    },
    lenient: true,
    notes,
  };
}

/** Reads the LiteLLM configuration of a project. Never rejects. */
export async function readLiteLlm(options: {
  /** Folder of the project. */
  readonly dir: string;
  /** As written in the project; relative to its folder. */
  readonly file: string;
  readonly environment: Environment;
  /** Names of registered providers, such as those of plugins. */
  readonly registered?: readonly string[];
}): Promise<ReadLiteLlm> {
  const files = await readLiteLlmFiles(options.dir, options.file);
  const part = partOf(files, { registered: [], ...options });
  return { part, faults: files.faults, files: files.read };
}
