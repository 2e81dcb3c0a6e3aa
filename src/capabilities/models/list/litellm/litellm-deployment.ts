import { isJsonObject, type JsonObject } from '../../../../base/index.ts';
import type { z } from 'zod';
import { isSecretKey } from '../../../../platform/observability/index.ts';
import {
  budgetSpec,
  deploymentSpec,
  modelName,
  type DeploymentSpec,
  type RouterSpec,
} from '../../../../protocol/index.ts';
import type { ListedDeployment } from '../model-list-part.ts';
import type { Fields, ReadingNotes } from './litellm-fields.ts';
import { chooseProvider, type ChosenProvider } from './litellm-providers.ts';

/** What is known beside the entry itself. */
export interface EntryContext extends ReadingNotes {
  /** `environment_variables` of the file. */
  readonly variables: Readonly<Record<string, string>>;
  /** `credential_list`: name → values. */
  readonly credentials: ReadonlyMap<string, JsonObject>;
  /** Names of registered providers. */
  readonly registered: readonly string[];
  /** What the router says for all: seconds are milliseconds here. */
  readonly defaults: {
    readonly timeoutMs: number | undefined;
    readonly streamTimeoutMs: number | undefined;
    readonly maxParallel: number | undefined;
    readonly params: JsonObject;
  };
}

/** Settings of connections under names of their own; they go to the provider, never into a request. */
const ofConnection =
  /^(?:aws_|vertex_|azure_|watsonx_|s3_|gcs_)|^(?:tenant_id|client_id|client_secret|bucket_name|project_id|use_in_pass_through)$/;

/** Fields of `litellm_params` that mean something to LiteLLM alone. */
const ofLiteLlm = new Set([
  'fallbacks',
  'mock_response',
  'mock_timeout',
  'drop_params',
  'additional_drop_params',
  'litellm_credential_name',
  'configurable_clientside_auth_params',
  'merge_reasoning_content_in_choices',
  'use_litellm_proxy',
  'use_chat_completions_api',
  'use_in_pass_through',
  'auto_router_config_path',
  'auto_router_config',
  'auto_router_default_model',
  'auto_router_embedding_model',
  'complexity_router_config',
  'complexity_router_default_model',
  'litellm_trace_id',
  'max_file_size_mb',
  'default_api_key_tpm_limit',
  'default_api_key_rpm_limit',
  'provider_affinity_header',
  'keepalive_seconds',
  'allow_client_keepalive_override',
  'cache',
  'caching',
  'no-log',
  'metadata',
  'model_info',
  'ssl_verify',
  'api_type',
  'itpm',
  'otpm',
]);
const ofCosts = /cost_per_|_cost$|_cost_/;

/** Prices of requests with more input than so many thousand tokens. */
const longRequest = /^(?:input|output)_cost_per_token_above_([1-9]\d{0,5})k_tokens$/;

const perMillion = (perToken: number | undefined): number | undefined =>
  // Twelve digits: what was written as 2.5e-7 stays 0.25.
  perToken === undefined ? undefined : Number((perToken * 1_000_000).toPrecision(12));

function price(params: Fields, info: Fields | undefined): DeploymentSpec['price'] {
  const cost = (key: string): number | undefined => {
    const own = params.number(key);
    const known = info?.number(key);
    return perMillion(own ?? known);
  };
  const inputPerMillion = cost('input_cost_per_token');
  const outputPerMillion = cost('output_cost_per_token');
  const cachedInputPerMillion = cost('cache_read_input_token_cost');
  const cacheWritePerMillion = cost('cache_creation_input_token_cost');
  if (inputPerMillion === undefined && outputPerMillion === undefined) return undefined;
  const limits = [...params.keys, ...(info?.keys ?? [])].flatMap((key) => longRequest.exec(key)?.[1] ?? []);
  const tiers = [...new Set(limits)].map((thousands) => ({
    aboveInputTokens: Number(thousands) * 1000,
    inputPerMillion: cost(`input_cost_per_token_above_${thousands}k_tokens`) ?? inputPerMillion ?? 0,
    outputPerMillion: cost(`output_cost_per_token_above_${thousands}k_tokens`) ?? outputPerMillion ?? 0,
  }));
  return {
    inputPerMillion: inputPerMillion ?? 0,
    outputPerMillion: outputPerMillion ?? 0,
    ...(cachedInputPerMillion === undefined ? {} : { cachedInputPerMillion }),
    ...(cacheWritePerMillion === undefined ? {} : { cacheWritePerMillion }),
    ...(tiers.length === 0 ? {} : { tiers }),
  };
}

function modeOf(written: string | undefined): string | undefined {
  // What LiteLLM calls these is a matter of its health checks; they answer what any chat model does.
  return written === 'responses' ? 'chat' : written === 'completion' ? undefined : written;
}

function budgetsOf(params: Fields): readonly z.input<typeof budgetSpec>[] {
  const usd = params.number('max_budget');
  const period = params.plainText('budget_duration') ?? 'total';
  if (usd === undefined) return [];
  const budget = { usd, period };
  if (budgetSpec.safeParse(budget).success) return [budget];
  params.note('budget_duration', `max_budget is not used: "${period}" is no period`);
  return [];
}

/** Whom the entry asks, and with which key and address. */
function connectionOf(params: Fields, model: string, context: EntryContext) {
  const custom = params.plainText('custom_llm_provider');
  const apiKey = params.text('api_key');
  const address = params.text('api_base') ?? params.text('base_url');
  params.skip('base_url');
  const found = chooseProvider(model, {
    custom,
    hasAddress: address !== undefined,
    registered: context.registered,
  });
  if ('problem' in found) {
    // A key goes to one provider only, whatever names are asked for.
    if (model === '*' && apiKey !== undefined)
      return { provider: 'openai', model, problem: undefined, apiKey, address };
    const problem = model === '*' ? undefined : found.problem;
    return { provider: model === '*' ? '*' : 'unknown', model, problem, apiKey, address };
  }
  const lookUp = (name: string): string | undefined => context.variables[name] || context.environment[name];
  const variable = (name: string | undefined): string | undefined =>
    name !== undefined && lookUp(name) ? `os.environ/${name}` : undefined;
  const ownAddress = found.baseUrl ?? variable(found.address);
  // A key of the environment goes where the environment or the service itself leads, never to an address of the file.
  const fromFile = found.key !== undefined && context.variables[found.key] !== undefined;
  const mayImply = apiKey === undefined && address === undefined && (ownAddress !== undefined || fromFile);
  const implied = mayImply ? variable(found.key) : undefined;
  const isMissing =
    mayImply && implied === undefined && found.baseUrl !== undefined && found.key !== undefined;
  // Google's other door has other prices, places and terms: a call that was meant for Vertex AI must not end up there.
  const isVertex = /^vertex_ai(?:_beta)?\//.test(custom === undefined ? model : `${custom}/`);
  const problem = isMissing
    ? `neither api_key nor the environment variable ${found.key} is set`
    : isVertex && apiKey === undefined
      ? 'Vertex AI with credentials of a project is not supported; give an api_key, or use gemini/…'
      : undefined;
  return { ...found, apiKey: apiKey ?? implied, address: address ?? ownAddress, problem };
}

/** A pattern without a provider (`*`) takes each name's own one, with that provider's key of the environment. */
const anyProvider =
  (registered: readonly string[]) =>
  (name: string): { provider: string; model: string } | undefined => {
    const found = chooseProvider(name, { hasAddress: false, registered });
    return 'problem' in found || found.baseUrl !== undefined
      ? undefined
      : { provider: found.provider, model: found.model };
  };

/** An entry with what it says of its whole group. */
interface ReadEntry {
  readonly name: string;
  readonly listed: ListedDeployment;
  readonly tags: NonNullable<RouterSpec['groupTags']>[string];
}

/** One entry of `model_list` as a deployment; `undefined` where it cannot be one, which is noted. */
export function readEntry(entry: Fields, context: EntryContext): ReadEntry | undefined {
  const name = entry.plainText('model_name');
  const params = entry.map('litellm_params')?.under(context.defaults.params);
  const info = entry.map('model_info');
  const written = params?.plainText('model');
  if (
    name === undefined ||
    params === undefined ||
    written === undefined ||
    !modelName.safeParse(name).success
  ) {
    entry.note(undefined, 'left out: an entry needs model_name and litellm_params.model');
    return undefined;
  }
  const credential = params.text('litellm_credential_name');
  const values = credential === undefined ? undefined : context.credentials.get(credential);
  if (credential !== undefined && values === undefined)
    params.note('litellm_credential_name', `there is no credential "${credential}" in credential_list`);
  const connection = connectionOf(values === undefined ? params : params.under(values), written, context);
  const isOpen = connection.provider === '*';
  const { defaults } = context;
  const chosen = connection as Partial<ChosenProvider>;

  const timeout = params.seconds('timeout') ?? defaults.timeoutMs;
  const streamTimeout = params.seconds('stream_timeout') ?? defaults.streamTimeoutMs;
  const organization = params.text('organization');
  const baseModel = info?.plainText('base_model') ?? params.plainText('base_model');
  const idText = info?.plainText('id');
  const id = idText !== undefined && /^[\x21-\x7e]{1,128}$/.test(idText) ? idText : undefined;
  if (idText !== undefined && id === undefined)
    info?.note('id', 'the id is not used: expected 1 to 128 printable ASCII characters without spaces');
  const mode = modeOf(info?.plainText('mode') ?? chosen.mode);
  const contextWindow = info?.integer('max_input_tokens') ?? params.integer('max_input_tokens');
  const maxOutputTokens = info?.integer('max_output_tokens') ?? info?.integer('max_tokens');
  const region = params.plainText('region_name') ?? info?.plainText('region_name');
  const tags = {
    filtering: info?.boolean('enable_tag_filtering'),
    failOpen: info?.boolean('allow_fail_open'),
  };
  const own = {
    ...(id === undefined ? {} : { id }),
    weight: params.number('weight'),
    order: params.integer('order') ?? info?.integer('order'),
    rpm: params.integer('rpm') ?? entry.integer('rpm') ?? info?.integer('rpm'),
    tpm: params.integer('tpm') ?? entry.integer('tpm') ?? info?.integer('tpm'),
    maxParallel: params.integer('max_parallel_requests') ?? defaults.maxParallel,
    cooldown: params.seconds('cooldown_time'),
    retries: params.integer('num_retries') ?? params.integer('max_retries'),
    price: price(params, info),
    budgets: budgetsOf(params),
    tags: params.texts('tags'),
    tagRegex: params.texts('tag_regex'),
    headers: headersOf(params),
    apiVersion: params.text('api_version') ?? apiVersionOf(connection.provider, context),
    timeouts: timeoutsOf(timeout, streamTimeout),
  };
  params.skip('max_retries', 'max_input_tokens', 'base_model', 'region_name');
  info?.skip('max_tokens', 'order', 'rpm', 'tpm', 'region_name');
  entry.skip('rpm', 'tpm');
  const rest = otherParams(params, values);
  const regionOfName = chosen.region ?? region;
  const config = {
    ...rest.config,
    ...(connection.provider === 'bedrock' &&
    regionOfName !== undefined &&
    rest.config['aws_region_name'] === undefined
      ? { aws_region_name: regionOfName }
      : {}),
  };
  const spec = {
    ...own,
    provider: connection.provider,
    model: connection.model,
    apiKey: connection.apiKey,
    baseUrl: connection.address,
    organization,
    config,
    params: rest.params,
    region,
    contextWindow,
    maxOutputTokens,
    mode,
  };
  const unused = [...entry.rest(), ...(info?.rest() ?? []).map((key) => `model_info.${key}`)];
  if (unused.length > 0)
    entry.note(entry.rest()[0] ?? 'model_info', `of "${name}" not used: ${unused.join(', ')}`);
  if (rest.unused.length > 0) params.note(undefined, `of "${name}" not used: ${rest.unused.join(', ')}`);
  const checked = deploymentSpec.safeParse(spec);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    entry.note(undefined, `left out: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not accepted'}`);
    return undefined;
  }
  if (written === '*' && connection.provider === 'openai')
    entry.note(
      undefined,
      `"${name}" has a key: it answers to models of OpenAI only, so that the key goes nowhere else`,
    );
  return {
    name,
    tags,
    listed: {
      spec: checked.data,
      at: entry.at(),
      ...(connection.problem === undefined ? {} : { problem: connection.problem }),
      ...(baseModel === undefined ? {} : { baseModel }),
      ...(Object.keys(context.variables).length === 0 ? {} : { variables: context.variables }),
      ...(isOpen ? { choose: anyProvider(context.registered) } : {}),
    },
  };
}

function headersOf(params: Fields): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const key of ['headers', 'extra_headers']) {
    const map = params.map(key);
    for (const name of map?.keys ?? []) {
      const value = map?.text(name);
      if (value !== undefined) headers[name] = value;
    }
  }
  return headers;
}

const apiVersionOf = (provider: string, context: EntryContext): string | undefined =>
  provider === 'azure' && (context.variables['AZURE_API_VERSION'] || context.environment['AZURE_API_VERSION'])
    ? 'os.environ/AZURE_API_VERSION'
    : undefined;

function timeoutsOf(total: number | undefined, stream: number | undefined): JsonObject {
  return {
    ...(total === undefined ? {} : { total }),
    ...(stream === undefined ? {} : { firstToken: stream }),
  };
}

/** What else stands in `litellm_params`: settings of the connection, parameters of requests, and LiteLLM's own. */
function otherParams(params: Fields, credential: JsonObject | undefined) {
  const config: Record<string, JsonObject[string]> = {};
  const request: Record<string, JsonObject[string]> = {};
  const unused: string[] = [];
  for (const [key, value] of Object.entries(credential ?? {}))
    if (ofConnection.test(key)) config[key] = value;
  for (const key of params.rest()) {
    if (ofLiteLlm.has(key) || ofCosts.test(key)) {
      unused.push(key);
      continue;
    }
    if (ofConnection.test(key)) {
      const value = params.take(key);
      if (value !== undefined) config[key] = value;
      continue;
    }
    const value = params.looked(key);
    if (value === undefined) continue;
    if (key === 'extra_body' && isJsonObject(value)) Object.assign(request, value);
    // Nothing that may be a credential goes into a request.
    else if (isSecretKey(key)) unused.push(key);
    else request[key] = value;
  }
  return { config, params: request, unused };
}
