import { createHash } from 'node:crypto';
import type { JsonObject } from '../../../base/index.ts';
import type { LLMProvider } from '../../../capabilities/models/index.ts';
import type { RouteDeps } from '../http-deps.ts';
import type { CompletionTarget } from '../openai/agent-models.ts';
import type { WireModel } from '../openai/model-list.ts';
import { taggedName } from './ollama-target.ts';

function detailsOf(family: string): JsonObject {
  return {
    parent_model: '',
    format: 'agent33',
    family,
    families: [family],
    parameter_size: '',
    quantization_level: '',
  };
}

/** A model as `GET /ollama/api/tags` lists it. */
export function tagOf({ id, created, owned_by: owner }: WireModel): JsonObject {
  const name = taggedName(id);
  return {
    name,
    model: name,
    modified_at: new Date(created * 1000).toISOString(),
    size: 0,
    digest: createHash('sha256').update(name).digest('hex'),
    details: detailsOf(owner),
  };
}

/** What is known of a model without asking anybody: its provider, and the room for a conversation. */
function knownOf(
  { models, gateway }: Pick<RouteDeps, 'models' | 'gateway'>,
  target: Extract<CompletionTarget, { kind: 'model' }>,
): { readonly provider?: LLMProvider; readonly contextWindow?: number | undefined } {
  try {
    const { groups, aliases } = gateway.list();
    const { name } = target;
    const [first] = groups.get(aliases.get(name) ?? name) ?? [];
    return first === undefined
      ? { provider: models.resolve({ name }).provider }
      : { provider: first.provider(), contextWindow: first.contextWindow };
  } catch {
    // A provider that cannot be made now says so when it is called.
    return {};
  }
}

/** A model as `POST /ollama/api/show` describes it. */
export function showOf(
  deps: Pick<RouteDeps, 'models' | 'gateway' | 'clock'>,
  name: string,
  target: CompletionTarget,
): JsonObject {
  const known = target.kind === 'model' ? knownOf(deps, target) : {};
  const { capabilities: can } = known.provider ?? {};
  const family = known.provider?.name ?? 'agent33';
  return {
    license: '',
    modelfile: `# ${name} is served by Agent33.`,
    parameters: '',
    template: '{{ .Prompt }}',
    details: detailsOf(family),
    model_info: {
      'general.architecture': 'agent33',
      'general.basename': name,
      ...(known.contextWindow === undefined ? {} : { 'agent33.context_length': known.contextWindow }),
    },
    capabilities: [
      'completion',
      ...((can?.tools ?? target.kind !== 'workflow') ? ['tools'] : []),
      ...(can?.images === true ? ['vision'] : []),
      ...(can?.embeddings === true ? ['embedding'] : []),
    ],
    modified_at: 'updatedAt' in target ? target.updatedAt : new Date(deps.clock.now()).toISOString(),
  };
}
