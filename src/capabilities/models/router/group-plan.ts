import type { BilledDeployment, ModelOperation } from '../../accounting/index.ts';
import type { Deployment, RouterSettings } from './deployment.ts';
import type { DeploymentHealth } from './deployment-health.ts';
import { RoomQueue } from './room-queue.ts';
import { TagIndex } from './tag-index.ts';

const operations: readonly ModelOperation[] = ['chat', 'completion', 'embedding', 'rerank'];
const modesOf: Readonly<Record<ModelOperation, readonly string[]>> = {
  chat: ['chat', 'completion', 'responses'],
  completion: ['chat', 'completion', 'responses'],
  embedding: ['embedding'],
  rerank: ['rerank'],
};

/** A group with all that can be computed before a call comes: built once for each list, then only read. */
export interface GroupPlan {
  readonly name: string;
  readonly settings: RouterSettings;
  /** Does it stand in the model list? */
  readonly listed: boolean;
  readonly deployments: readonly Deployment[];
  readonly health: readonly DeploymentHealth[];
  readonly billed: readonly BilledDeployment[];
  /** Indices of all deployments, as the filters hand them on. */
  readonly everyone: Int32Array;
  readonly weights: Float64Array;
  /** Running sums of the weights. */
  readonly cumulative: Float64Array;
  /** Largest number of calls at the same time; `Infinity` without limit. */
  readonly parallel: Float64Array;
  readonly rpm: Float64Array;
  readonly tpm: Float64Array;
  /** What one call, and one token, takes of a limit; 0 without. */
  readonly callShare: Float64Array;
  readonly tokenShare: Float64Array;
  readonly anyLimit: boolean;
  /** True when each deployment has a limit, so that shares of limits can be compared. */
  readonly allLimited: boolean;
  readonly order: Float64Array;
  readonly anyOrder: boolean;
  readonly contextWindow: Float64Array;
  readonly smallestContext: number;
  /** Does the deployment at an index do the operation? */
  readonly serves: Readonly<Record<ModelOperation, Uint8Array>>;
  readonly allServe: Readonly<Record<ModelOperation, boolean>>;
  readonly inputPrice: Float64Array;
  readonly outputPrice: Float64Array;
  readonly tags: TagIndex;
  /** Calls that wait for one of the deployments to have room. */
  readonly room: RoomQueue;
  /** Scratch of the filters: the verdict for each deployment, and the indices that are left. Valid until the next pick. */
  readonly verdicts: Uint8Array;
  readonly eligible: Int32Array;
  /** Scratch of the strategies. */
  readonly scores: Float64Array;
  readonly chosen: Int32Array;
}

/** Weights of the deployments: `weight` where any has one, else `rpm`, else `tpm`, else all alike; missing counts 1. */
function weightsOf(deployments: readonly Deployment[]): Float64Array {
  const sources = [
    deployments.map((one) => one.weight),
    deployments.map((one) => one.limits.rpm),
    deployments.map((one) => one.limits.tpm),
  ];
  const chosen = sources.find((values) => values.some((value) => value !== undefined)) ?? [];
  return Float64Array.from(deployments, (_one, index) => Math.max(0, chosen[index] ?? 1));
}

/** Calls at the same time: as written, else as many as `rpm`, else as `tpm` feeds when each takes 10 s and 1,000 tokens. */
function parallelOf({ limits }: Deployment): number {
  if (limits.parallel !== undefined) return limits.parallel;
  if (limits.rpm !== undefined) return Math.max(1, limits.rpm);
  if (limits.tpm !== undefined) return Math.max(1, Math.floor(limits.tpm / 1000 / 6));
  return Infinity;
}

function billedDeployment(deployment: Deployment): BilledDeployment {
  const { id, group, providerKind, model, limits, price, maxOutputTokens } = deployment;
  return {
    id,
    group,
    provider: providerKind,
    model,
    limits,
    price,
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  };
}

/** Prepares a group for its calls. */
export function planGroup(
  group: Pick<GroupPlan, 'name' | 'settings' | 'listed' | 'deployments' | 'health'>,
  onBadPattern: (pattern: string, error: unknown) => void,
): GroupPlan {
  const { deployments } = group;
  const numbers = (read: (deployment: Deployment) => number | undefined): Float64Array =>
    Float64Array.from(deployments, (one) => read(one) ?? Infinity);
  const weights = weightsOf(deployments);
  let sum = 0;
  const serves = Object.fromEntries(
    operations.map((operation) => [
      operation,
      Uint8Array.from(deployments, ({ mode }) =>
        mode === undefined || modesOf[operation].includes(mode) ? 1 : 0,
      ),
    ]),
  ) as Record<ModelOperation, Uint8Array>;
  const limited = deployments.map(
    ({ limits }) => limits.parallel !== undefined || limits.rpm !== undefined || limits.tpm !== undefined,
  );
  const contextWindow = numbers((one) => one.contextWindow);
  return {
    ...group,
    billed: deployments.map(billedDeployment),
    everyone: Int32Array.from(deployments, (_one, index) => index),
    weights,
    cumulative: weights.map((weight) => (sum += weight)),
    parallel: Float64Array.from(deployments, parallelOf),
    rpm: numbers((one) => one.limits.rpm),
    tpm: numbers((one) => one.limits.tpm),
    callShare: Float64Array.from(deployments, ({ limits }) => 1 / (limits.rpm ?? Infinity)),
    tokenShare: Float64Array.from(deployments, ({ limits }) => 1 / (limits.tpm ?? Infinity)),
    anyLimit: limited.includes(true),
    allLimited: deployments.every(({ limits }) => limits.rpm !== undefined || limits.tpm !== undefined),
    order: numbers((one) => one.order),
    anyOrder: deployments.some((one) => one.order !== undefined),
    contextWindow,
    smallestContext: Math.min(...contextWindow),
    serves,
    allServe: Object.fromEntries(
      operations.map((operation) => [operation, !serves[operation].includes(0)]),
    ) as Record<ModelOperation, boolean>,
    inputPrice: numbers((one) => one.price?.inputPerMillion),
    outputPrice: numbers((one) => one.price?.outputPerMillion),
    tags: new TagIndex(deployments, onBadPattern),
    room: new RoomQueue(),
    verdicts: new Uint8Array(deployments.length),
    eligible: new Int32Array(deployments.length),
    scores: new Float64Array(deployments.length),
    chosen: new Int32Array(deployments.length),
  };
}
