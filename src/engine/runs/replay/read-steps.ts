import type { BlobStore } from '../../../platform/blobs/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import type { RecordedStep } from '../../../protocol/index.ts';
import { loadOutput } from '../step-outputs.ts';

/**
 * The journals of runs as they are recorded, large outputs included, in the order in which the steps began; by run id.
 * The one place that reads them.
 */
export async function readSteps(
  { storage, blobs }: { readonly storage: Storage; readonly blobs: BlobStore },
  runIds: readonly string[],
): Promise<ReadonlyMap<string, readonly RecordedStep[]>> {
  const rows = await storage.db
    .selectFrom('run_steps')
    .selectAll()
    .where('run_id', 'in', runIds)
    .orderBy('started_at')
    .orderBy('ended_at')
    .orderBy('key')
    .execute();
  const steps = new Map<string, RecordedStep[]>();
  for (const row of rows) {
    const own = steps.get(row.run_id) ?? [];
    steps.set(row.run_id, own);
    own.push({
      key: row.key,
      kind: row.kind,
      status: row.status,
      digest: row.digest,
      output:
        row.output_blob === null ? (row.output ?? null) : await loadOutput(blobs, row.key, row.output_blob),
      error: row.error,
      usage: { input_tokens: row.input_tokens, output_tokens: row.output_tokens, cost_usd: row.cost_usd },
      attempts: row.attempts,
      started_at: row.started_at.toISOString(),
      ended_at: row.ended_at?.toISOString() ?? null,
    });
  }
  return steps;
}
